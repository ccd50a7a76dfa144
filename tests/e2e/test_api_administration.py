"""Adding users over the API, as its description promises it."""

import secrets

import pytest

from tests.e2e.portal import People, Portal, problem


def test_a_user_is_added_with_every_field(portal: Portal, people: People) -> None:
    user_id = f"e2e-{secrets.token_hex(5)}@halden.example"
    body = {
        "user_id": user_id,
        "display_name": "Kim Lund",
        "emails": [user_id, "kim@private.example"],
        "job_title": "Driver",
        "office": "Bremen",
        "roles": [],
    }
    answer = portal.call("POST", "/admin/users", body=body, token=people.admin)
    assert answer.status_code == 201
    added = answer.json()
    assert {name: added[name] for name in body} == body
    assert added["sub"]
    assert added["home_organization"]["id"] == "halden"
    # Without a password there is no way in yet.
    assert portal.sign_in(user_id, "").status_code in {401, 422}
    again = portal.call("POST", "/admin/users", body=body, token=people.admin)
    problem(again, 409, "user-exists")


def test_a_password_given_by_an_admin_is_temporary_unless_said_otherwise(
    portal: Portal, people: People
) -> None:
    lasting = people.add()
    assert portal.sign_in(lasting.user_id, lasting.password).json()["state"] == "complete"
    user_id = f"e2e-{secrets.token_hex(5)}@halden.example"
    body = {
        "user_id": user_id,
        "display_name": "Kim Lund",
        "emails": [],
        "password": lasting.new_password(),
    }
    assert portal.call("POST", "/admin/users", body=body, token=people.admin).status_code == 201
    assert portal.sign_in(user_id, str(body["password"])).json()["state"] == "action-required"


def test_an_admin_who_was_added_is_one(portal: Portal, people: People) -> None:
    robin = people.add(roles=["admin"])
    plain = portal.token(robin.user_id, robin.password)
    asked = problem(portal.call("GET", "/admin/users", token=plain), 403, "step-up-required")
    assert (asked["needs"], asked["methods"]) == ("mfa", [])
    listed = portal.call("GET", "/admin/users?limit=1", token=people.admin_token(robin))
    assert listed.status_code == 200
    assert set(listed.json()) == {"items", "next"}


def test_added_twice_under_one_key_a_user_is_added_once(portal: Portal, people: People) -> None:
    user_id = f"e2e-{secrets.token_hex(5)}@halden.example"
    body = {"user_id": user_id, "display_name": "Kim Lund", "emails": []}
    key = {"Idempotency-Key": secrets.token_hex(8)}
    answers = [
        portal.call("POST", "/admin/users", body=body, token=people.admin, headers=key)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize(
    "user_id",
    [
        " ",
        "\u00a0\u3000",
        "\u00ad",
        " kim",
        "kim ",
        "k\u200bim",
        "k\u00adim",
        "\u202emik",
        "k\u0085m",
    ],
)
def test_a_user_id_that_looks_like_another_or_like_nothing_is_refused(
    portal: Portal, people: People, user_id: str
) -> None:
    body = {"user_id": user_id, "display_name": "Nobody", "emails": []}
    answer = portal.call("POST", "/admin/users", body=body, token=people.admin)
    document = problem(answer, 422, "invalid-request")
    assert [each["field"] for each in document["errors"]] == ["user_id"]
