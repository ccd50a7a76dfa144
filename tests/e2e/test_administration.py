"""Admins look after their people; nobody else does."""

from typing import Any

import pytest

from tests.e2e.portal import People, Portal, demo_user

VALID: dict[str, Any] = {
    "user_id": "someone@halden.example",
    "display_name": "Some One",
    "emails": ["someone@halden.example"],
}


@pytest.mark.asvs("8.2.1")
def test_only_admins_see_and_add_users(portal: Portal, people: People) -> None:
    robin = people.add()
    token = portal.token(robin.user_id, robin.password)
    for method, body in (("GET", None), ("POST", VALID)):
        refused = portal.call(method, "/admin/users", body=body, token=token)
        assert refused.status_code == 403
        assert refused.json()["type"] == "/problems/not-allowed-by-policy"
        assert portal.call(method, "/admin/users", body=body).status_code == 401


def test_users_are_listed_in_pages(portal: Portal, people: People) -> None:
    added = {people.add().user_id for _ in range(3)}
    seen: list[str] = []
    after = ""
    while after is not None:
        path = f"/admin/users?limit=2&after={after}"
        page = portal.call("GET", path, token=people.admin).json()
        assert len(page["items"]) <= 2
        seen += [each["user_id"] for each in page["items"]]
        after = page["next"]
    assert added | {demo_user("ada")["user_id"]} <= set(seen)
    assert len(seen) == len(set(seen))


def test_a_user_id_is_given_once_in_any_letter_case(portal: Portal, people: People) -> None:
    robin = people.add()
    body = VALID | {"user_id": robin.user_id.upper(), "emails": [robin.user_id]}
    answer = portal.call("POST", "/admin/users", body=body, token=people.admin)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/user-exists")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"user_id": ""}, "user_id"),
        ({"user_id": "two\nlines"}, "user_id"),
        ({"user_id": "some\ufe0fone@halden.example"}, "user_id"),
        ({"display_name": "\u3164"}, "display_name"),
        ({"emails": ["no address"]}, "emails.0"),
        ({"emails": ["someone@halden.example", "a..b@example.org"]}, "emails.1"),
        ({"emails": ["j\u00fcrgen@mueller.example"]}, "emails.0"),
        ({"manager": "nobody"}, "manager"),
        ({"preferred_language": "xx"}, "preferred_language"),
        ({"preferred_language": "English"}, "preferred_language"),
        ({"roles": ["owner"]}, "roles.0"),
        ({"unknown": 1}, "unknown"),
        ({"display_name": None}, "display_name"),
    ],
)
def test_bad_fields_are_named_and_nothing_is_added(
    portal: Portal, people: People, change: dict[str, Any], field: str
) -> None:
    answer = portal.call("POST", "/admin/users", body=VALID | change, token=people.admin)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")
    assert field in {each["field"] for each in answer.json()["errors"]}
    listed = portal.call("GET", "/admin/users?limit=200", token=people.admin).json()["items"]
    assert VALID["user_id"] not in {each["user_id"] for each in listed}


def test_a_new_user_is_shown_without_a_photo_and_with_a_manager(
    portal: Portal, people: People
) -> None:
    ada = portal.call("GET", "/me", token=people.admin).json()
    robin = people.add(manager=ada["sub"])
    assert ada["photo_url"] == "/api/v1/me/photo"
    listed = portal.call("GET", "/admin/users?limit=200", token=people.admin).json()["items"]
    assert {each["photo_url"] for each in listed} == {None}
    (shown,) = [each for each in listed if each["user_id"] == robin.user_id]
    assert shown["manager"] == {"display_name": ada["display_name"]}
    body = VALID | {"user_id": "photo@halden.example"}
    added = portal.call("POST", "/admin/users", body=body, token=people.admin)
    assert (added.status_code, added.json()["photo_url"]) == (201, None)


def test_a_weak_first_password_adds_nobody(portal: Portal, people: People) -> None:
    body = VALID | {"password": "halden"}
    answer = portal.call("POST", "/admin/users", body=body, token=people.admin)
    assert answer.json()["type"] == "/problems/password-refused"
    reasons = {each["reason"] for each in answer.json()["errors"]}
    assert {"too-short", "contains-organization-name"} <= reasons


def test_no_event_is_parked(portal: Portal, people: People) -> None:
    answer = portal.call("GET", "/admin/parked-events", token=people.admin)
    assert answer.json()["items"] == []
    replay = portal.call("POST", "/admin/parked-events/none/replay", token=people.admin)
    assert replay.status_code == 404
