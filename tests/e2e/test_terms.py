"""Terms of use over the API: what an admin publishes holds at the sign-in and in open sessions."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.portal import People, Portal, Someone, eventually, problem

TEXTS = [
    {"language": "en", "title": "House rules", "text": "# Be kind\n\nTo *everybody*."},
    {"language": "de", "title": "Hausordnung", "text": "# Freundlich sein"},
]
Publishes = Callable[..., str]


@pytest.fixture
def publishes(portal: Portal, people: People) -> Iterator[Publishes]:
    """Give what publishes a required document, which nobody has to accept after the test."""
    documents: list[str] = []

    def put(document: str | None, **changed: Any) -> str:
        body = {"required": True, "re_accept": "next-sign-in", "texts": TEXTS, **changed}
        method, path = ("PUT", f"/admin/terms/{document}") if document else ("POST", "/admin/terms")
        put = portal.call(method, path, body=body, token=people.admin)
        assert put.status_code in {200, 201}, put.text
        path = f"/admin/terms/{put.json()['id']}/publish"
        published = portal.call("POST", path, body={}, token=people.admin)
        assert published.status_code == 200, published.text
        return str(put.json()["id"])

    def publish(document: str | None = None, **changed: Any) -> str:
        documents.append(put(document, **changed))
        return documents[-1]

    yield publish
    for each in documents:
        put(each, required=False, re_accept="no")


def test_what_is_published_is_accepted_at_the_sign_in_and_anew_at_once(
    portal: Portal, people: People, robin: Someone, publishes: Publishes
) -> None:
    document = publishes()
    begun = portal.sign_in(robin.user_id, robin.password).json()
    assert (begun["state"], begun["action"]) == ("action-required", "accept-terms")
    assert begun["terms"] == [{"id": document, "version": 1, "title": "House rules"}]
    act, named = f"/sign-in/{begun['flow']}/action", {"id": document, "version": 1}
    done = portal.call("POST", act, body={"terms": [named]}).json()
    token = str(done["token"])
    assert portal.call("GET", "/me", token=token).status_code == 200
    german = {"Accept-Language": "de-AT"}
    read = portal.call("GET", f"/me/terms/{document}", token=token, headers=german).json()
    assert (read["title"], read["language"]) == ("Hausordnung", "de")

    publishes(document, re_accept="at-once")
    refused = problem(portal.call("GET", "/me", token=token), 403, "terms-required")
    assert refused["terms"] == [{"id": document, "version": 2, "title": "House rules"}]
    accept = f"/me/terms/{document}/accept"
    old = portal.call("POST", accept, body={"version": 1}, token=token)
    problem(old, 409, "terms-changed")
    for each in (token, people.admin):
        accepted = portal.call("POST", accept, body={"version": 2}, token=each)
        assert accepted.status_code == 200, accepted.text
    assert portal.call("GET", "/me", token=token).status_code == 200

    path = f"/admin/terms/{document}/acceptances"
    listed = portal.call("GET", f"{path}?status=accepted", token=people.admin).json()["items"]
    assert robin.user_id in {each["user_id"] for each in listed}
    file = portal.call("GET", f"{path}/export", token=people.admin)
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert file.text.count(robin.user_id) == 2

    def is_told() -> bool:
        trail = portal.call("GET", "/admin/audit?action=publish-terms", token=people.admin).json()
        return any(each["details"]["document"] == document for each in trail["items"])

    eventually(is_told)
