"""Being a guest of another organization over the API, from the invitation to the end of it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.portal import PARTNERS, People, Portal, Someone, demo_user, eventually, problem

FRONT_DESK = {"name": "Ferry desk", "url": "", "email": "", "phone": "+47 5550 0299"}
MAILS = {
    "You are invited to another organization",
    "You left an organization",
    "You are a guest of an organization again",
    "You are no longer a guest of an organization",
}


class Partner:
    """The other organization, as its admin looks after it."""

    def __init__(self, portal: Portal) -> None:
        self.portal, self.people = portal, People(portal, demo_user("vera", PARTNERS))
        (self.organization,) = self.asks("GET", "/admin/organizations", 200)["items"]
        self.id = self.organization["id"]

    def asks(self, method: str, path: str, status: int, body: object = None) -> Any:
        answer = self.portal.call(method, path, body=body, token=self.people.admin)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def does(self, method: str, path: str, status: int, body: object = None) -> Any:
        """Ask something about the organization."""
        return self.asks(method, f"/admin/organizations/{self.id}{path}", status, body)

    def lets_guests_leave(self, **leave: Any) -> None:
        self.does("PUT", "", 200, {"leave": leave})

    def guest(self, sub: str) -> dict[str, Any]:
        """Return a guest, or who was one."""
        return dict(self.does("GET", f"/members/{sub}", 200))


@pytest.fixture
def partner(portal: Portal) -> Iterator[Partner]:
    """Return the partner, who lets guests leave as before after the test."""
    partner = Partner(portal)
    yield partner
    partner.lets_guests_leave(**partner.organization["leave"])


def test_a_guest_comes_leaves_is_restored_and_removed(
    portal: Portal, partner: Partner, robin: Someone, token: str
) -> None:
    def varde() -> dict[str, Any]:
        """Return the partner as its guest sees it, or nothing."""
        home, *others = portal.call("GET", "/me/organizations", token=token).json()["items"]
        assert (home["home"], home["leave"]["reason"]) == (True, "home")
        return dict(others[0]) if others else {}

    leave = f"/me/organizations/{partner.id}/leave"
    yes = {"confirm": True}
    sub = portal.call("GET", "/me", token=token).json()["sub"]
    invitation = partner.does("POST", "/invitations", 201, {"user_id": robin.user_id.upper()})
    (shown,) = portal.call("GET", "/me/invitations", token=token).json()["items"]
    assert (shown["id"], shown["organization"]) == (invitation["id"], partner.id)
    accept = f"/me/invitations/{shown['id']}/accept"
    assert portal.call("POST", accept, token=token).status_code == 204
    problem(portal.call("POST", accept, token=token), 404, "not-found")
    assert (varde()["role"], varde()["leave"]["allowed"]) == ("member", True)
    changed = partner.does("PATCH", f"/members/{sub}", 200, {"role": "owner", "groups": ["quay"]})
    # The admins of the organization own it, too, so this is not the last who does.
    assert (changed["role"], varde()["role"]) == ("owner", "owner")
    assert varde()["leave"]["allowed"]

    partner.lets_guests_leave(allowed=False, contact=FRONT_DESK)
    refused = problem(
        portal.call("POST", leave, body=yes, token=token), 403, "not-allowed-by-policy"
    )
    assert (refused["reason"], refused["contact"]) == ("policy", FRONT_DESK)
    assert varde()["leave"] == {"allowed": False, "reason": "policy", "contact": FRONT_DESK}
    partner.lets_guests_leave(allowed=True)
    refused = problem(portal.call("POST", leave, body=yes, token=token), 403, "step-up-required")
    assert (refused["needs"], refused["organization"]) == ("reauthentication", partner.id)
    shows = {"password": robin.password, "organization": partner.id}
    assert portal.call("POST", "/re-authenticate", body=shows, token=token).status_code == 200
    problem(portal.call("POST", leave, body={}, token=token), 422, "confirmation-required")
    assert portal.call("POST", leave, body=yes, token=token).status_code == 204
    assert varde() == {}
    assert partner.guest(sub)["state"] == "left"

    partner.does("POST", f"/members/{sub}/restore", 200)
    back = partner.guest(sub)
    assert (back["state"], back["role"], back["groups"]) == ("active", "owner", ["quay"])
    assert varde()["id"] == partner.id
    partner.does("DELETE", f"/members/{sub}", 204)
    assert varde() == {}
    if portal.maildir is not None:

        def subjects() -> set[str]:
            return {str(each["Subject"]) for each in portal.mails_to(robin.user_id)}

        assert eventually(lambda: subjects() == MAILS)
