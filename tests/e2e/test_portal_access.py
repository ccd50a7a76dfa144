"""What the organization's policy for the portal withholds, over the running portal."""

from collections.abc import Callable, Iterator

import pytest
import requests

from tests.e2e.portal import People, Portal, Someone, eventually, problem

PORTAL = "/admin/policy/portal"
Opens = Callable[..., None]


@pytest.fixture
def opens(portal: Portal, people: People) -> Iterator[Opens]:
    """Give a way to change the policy for the portal, which is as it was after the test."""
    before = portal.call("GET", PORTAL, token=people.admin).json()

    def put(**changed: object) -> None:
        answered = portal.call("PUT", PORTAL, body={**before, **changed}, token=people.admin)
        assert answered.status_code == 200, answered.text

    yield put
    put()


def page(portal: Portal, path: str, token: str) -> requests.Response:
    """Return a page as a browser is shown it."""
    shown = {"Accept": "text/html", "Cookie": f"__Host-session={token}"}
    return requests.get(f"{portal.url}{path}", headers=shown, timeout=30)


def test_what_is_withheld_is_refused_by_pages_and_calls_until_it_is_opened_again(
    portal: Portal, people: People, robin: Someone, token: str, opens: Opens
) -> None:
    sub = portal.call("GET", "/me", token=token).json()["sub"]
    opens(areas=["terms"], fields=["emails"])
    me = portal.call("GET", "/me", token=token).json()
    assert (me["office"], me["photo_url"], len(me["emails"])) == (None, None, 1)
    problem(portal.call("GET", "/me/photo", token=token), 403, "not-allowed-by-policy")
    refused = portal.call("GET", "/me/devices", token=token)
    assert problem(refused, 403, "not-allowed-by-policy")["withheld"] == "devices"
    shown = page(portal, "/", token).text
    assert 'href="/devices"' not in shown
    assert 'href="/activity"' not in shown
    assert 'href="/terms"' in shown
    refused = page(portal, "/devices", token)
    assert refused.status_code == 403
    assert "helpdesk@halden.example" in refused.text

    opens(access="groups", groups=["staff"])
    refused = portal.call("GET", "/me", token=token)
    assert problem(refused, 403, "not-allowed-by-policy")["withheld"] == "portal"
    assert page(portal, "/security", token).status_code == 403
    assert page(portal, "/receipts", token).status_code == 200
    late = portal.token(robin.user_id, robin.password)
    problem(portal.call("GET", "/me/sessions", token=late), 403, "not-allowed-by-policy")
    assert portal.call("POST", "/sign-out", token=late).status_code == 204
    assert portal.call("GET", "/me", token=people.admin).status_code == 200

    path, joined = f"/admin/users/{sub}", {"groups": ["staff"]}
    assert portal.call("PATCH", path, body=joined, token=people.admin).status_code == 200
    eventually(lambda: portal.call("GET", "/me", token=token).status_code == 200)
    assert page(portal, "/devices", token).status_code == 200
