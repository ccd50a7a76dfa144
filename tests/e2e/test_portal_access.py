"""What the organization's policy for the portal withholds, over the running portal."""

import re
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.e2e.portal import People, Portal, Someone, eventually, problem
from tests.e2e.test_terms import Publishes, publishes

__all__ = ["publishes"]

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


def page(
    portal: Portal, path: str, token: str, sent: dict[str, str] | None = None
) -> requests.Response:
    """Return a page as a browser is shown it, or what a form on it is answered with."""
    shown = {"Accept": "text/html", "Cookie": f"__Host-session={token}"}
    method, url = ("GET" if sent is None else "POST"), f"{portal.url}{path}"
    return requests.request(
        method, url, data=sent, headers=shown, timeout=30, allow_redirects=False
    )


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


def test_terms_that_are_left_out_have_their_page_while_they_have_to_be_accepted(
    portal: Portal, people: People, token: str, opens: Opens, publishes: Publishes
) -> None:
    opens(areas=["devices"])
    document = publishes(re_accept="at-once")
    accepted = portal.call(
        "POST", f"/me/terms/{document}/accept", body={"version": 1}, token=people.admin
    )
    assert accepted.status_code == 200, accepted.text
    assert page(portal, "/", token).headers["Location"] == "/terms"
    assert page(portal, "/terms", token).status_code == 200
    shown = page(portal, f"/terms/{document}", token).text
    (csrf,) = set(re.findall(r'name="csrf" value="([^"]+)"', shown))
    form = {"csrf": csrf, "version": "1", "next": "/"}
    done = page(portal, f"/terms/{document}/accept", token, form)
    assert (done.status_code, done.headers["Location"]) == (303, "/")
    assert page(portal, "/", token).status_code == 200
    assert page(portal, "/terms", token).status_code == 403
