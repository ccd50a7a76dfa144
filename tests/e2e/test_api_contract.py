"""The public API, call by call, as its description promises it."""

import http.client
import json
import re
import secrets
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.e2e.portal import People, Portal, Someone, demo_user, eventually

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
Answer = requests.Response


def problem(answer: Answer, status: int, slug: str) -> dict[str, Any]:
    """Return the problem document of an answer, which has every promised member."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].partition(";")[0] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"/problems/{slug}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == urlsplit(answer.url).path
    for error in document.get("errors", ()):
        assert set(error) == {"field", "reason", "message"}
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    if status in {429, 503}:
        assert int(answer.headers["Retry-After"]) >= 1
    return document


@pytest.fixture
def robin(people: People) -> Someone:
    return people.add()


@pytest.fixture
def token(portal: Portal, robin: Someone) -> str:
    return portal.token(robin.user_id, robin.password)


def change(portal: Portal, token: str, old: str, new: str, **headers: str) -> Answer:
    body = {"old_password": old, "new_password": new}
    return portal.call("POST", "/me/password", body=body, token=token, headers=headers)


# Signing in.


def test_a_complete_sign_in_gives_token_expiry_session_and_device(
    portal: Portal, robin: Someone
) -> None:
    answer = portal.sign_in(robin.user_id, robin.password, device_name="My laptop")
    assert answer.status_code == 200
    body = answer.json()
    assert body["state"] == "complete"
    assert MOMENT.fullmatch(body["expires_at"])
    assert body["token"]
    assert body["session"]
    assert body["device"]["id"]
    assert body["device"]["key"]


def test_a_refused_sign_in_says_nothing_about_why(portal: Portal, robin: Someone) -> None:
    document = problem(portal.sign_in(robin.user_id, "wrong"), 401, "sign-in-refused")
    assert "errors" not in document
    assert robin.user_id not in str(document)


def test_a_temporary_password_asks_for_an_action_and_the_action_completes(
    portal: Portal, people: People
) -> None:
    noor = people.add(temporary=True)
    begun = portal.sign_in(noor.user_id, noor.password)
    assert begun.status_code == 200
    assert set(begun.json()) == {"state", "flow", "action"}
    assert (begun.json()["state"], begun.json()["action"]) == ("action-required", "change-password")
    path = f"/sign-in/{begun.json()['flow']}/action"
    done = portal.call("POST", path, body={"new_password": noor.new_password()})
    assert done.json()["state"] == "complete"
    assert portal.is_accepted(done.json()["token"])


@pytest.mark.parametrize("flow", ["none", "x" * 43, "%ff", "a.b", "%00"])
def test_a_flow_that_there_is_not_has_ended(portal: Portal, flow: str) -> None:
    body = {"new_password": "amber window over the harbour"}
    answer = portal.call("POST", f"/sign-in/{flow}/action", body=body)
    assert answer.status_code == 410
    assert answer.json()["type"] == "/problems/flow-ended"


def test_signing_out_answers_with_nothing_and_ends_the_session(portal: Portal, token: str) -> None:
    answer = portal.call("POST", "/sign-out", token=token)
    assert (answer.status_code, answer.content) == (204, b"")
    document = problem(portal.call("GET", "/me", token=token), 401, "session-revoked")
    assert document["cause"] == "signed-out"
    problem(portal.call("POST", "/sign-out", token=token), 401, "session-revoked")


# My account.


def test_me_is_the_record_that_the_organization_keeps(portal: Portal, people: People) -> None:
    given: dict[str, object] = {
        "job_title": "Designer \U0001f9a6",
        "department": "Design",
        "office": "Utrecht, 1.08",
        "phones": ["+31 30 555 0100"],
        "preferred_language": "nl-NL",
    }
    robin = people.add(temporary=False, **given)
    me = portal.call("GET", "/me", token=portal.token(robin.user_id, robin.password)).json()
    assert {name: me[name] for name in given} == given
    assert me["user_id"] == robin.user_id
    assert me["display_name"] == "Robin Vale"
    assert me["emails"] == [robin.user_id]
    assert me["photo_url"] == "/api/v1/me/photo"
    assert set(me["home_organization"]) >= {"id", "name"}
    assert set(me["helpdesk"]) == {"name", "url", "email", "phone"}
    assert me["managed_by_organization"] is True
    assert me["roles"] == []
    assert me["sub"]


def test_a_photo_is_a_picture_or_not_there(portal: Portal, token: str) -> None:
    mei = demo_user("mei")
    picture = portal.call("GET", "/me/photo", token=portal.token(mei["user_id"], mei["password"]))
    assert picture.status_code in {200, 404}
    if picture.status_code == 200:
        assert picture.headers["Content-Type"] in {"image/png", "image/jpeg"}
        assert picture.content.startswith((b"\x89PNG", b"\xff\xd8\xff"))
    problem(portal.call("GET", "/me/photo", token=token), 404, "not-found")


def test_sessions_are_listed_with_everything_about_them(
    portal: Portal, robin: Someone, token: str
) -> None:
    page = portal.call(
        "GET", "/me/sessions", token=token, headers={"User-Agent": "Browser/1"}
    ).json()
    (item,) = page["items"]
    assert page["next"] is None
    assert set(item) >= {
        "sid", "device_id", "created_at", "last_seen_at", "address", "user_agent", "app", "aal",
        "current",
    }  # fmt: skip
    assert MOMENT.fullmatch(item["created_at"])
    assert item["current"] is True
    assert (item["app"], item["aal"]) == ("portal", 1)
    assert token.rpartition(".")[2] not in str(page)


def test_receipts_are_listed_newest_first_and_read_one_by_one(
    portal: Portal, robin: Someone
) -> None:
    given = []
    for _ in range(3):
        here = portal.token(robin.user_id, robin.password)
        answer = portal.call("POST", "/me/sign-out-everywhere", body={"confirm": True}, token=here)
        assert answer.status_code == 202
        given.append(answer.json())
    here = portal.token(robin.user_id, robin.password)
    first = portal.call("GET", "/me/receipts?limit=2", token=here).json()
    rest = portal.call("GET", f"/me/receipts?limit=2&after={first['next']}", token=here).json()
    listed = [each["id"] for each in [*first["items"], *rest["items"]]]
    assert listed == [each["receipt"] for each in reversed(given)]
    assert rest["next"] is None
    receipt = portal.call("GET", f"/me/receipts/{listed[0]}", token=here).json()
    assert set(receipt) >= {
        "id", "cause", "epoch", "committed_at", "completed_at", "sessions", "apps"
    }  # fmt: skip
    assert receipt["cause"] == "signed-out-everywhere"
    assert MOMENT.fullmatch(receipt["committed_at"])
    assert receipt["apps"] == []


def test_a_receipt_is_opened_by_its_token_though_the_session_is_gone(
    portal: Portal, robin: Someone, token: str
) -> None:
    answer = change(portal, token, robin.password, robin.new_password())
    assert answer.status_code == 202
    given = answer.json()
    assert set(given) == {"receipt", "receipt_token"}
    assert answer.headers["Receipt-Token"] == given["receipt_token"]
    path, opens = f"/me/receipts/{given['receipt']}", {"Receipt-Token": given["receipt_token"]}

    def complete() -> dict[str, Any] | None:
        read = portal.call("GET", path, headers=opens)
        assert read.status_code == 200
        receipt: dict[str, Any] = read.json()
        return receipt if receipt["completed_at"] else None

    receipt = eventually(complete)
    assert receipt["cause"] == "password-changed"
    assert [MOMENT.fullmatch(each["ended_at"]) is not None for each in receipt["sessions"]] == [
        True
    ]
    problem(portal.call("GET", path), 401, "session-required")
    wrong = {"Receipt-Token": secrets.token_urlsafe(32)}
    problem(portal.call("GET", path, headers=wrong), 404, "not-found")


def test_events_are_a_stream_that_says_the_last_word_before_it_closes(
    portal: Portal, robin: Someone, token: str
) -> None:
    listening = threading.Event()
    told: list[str] = []
    headers: dict[str, str] = {}

    def listen() -> None:
        url = f"{portal.url}/api/v1/me/events"
        shown = {"Authorization": f"Bearer {token}"}
        with requests.get(url, headers=shown, stream=True, timeout=30) as stream:
            headers.update(stream.headers)
            for line in stream.iter_lines(decode_unicode=True):
                told.append(str(line))
                listening.set()

    page = threading.Thread(target=listen)
    page.start()
    assert listening.wait(20)
    sid = token.split(".")[1]
    ended = portal.call("DELETE", f"/me/sessions/{sid}", token=token)
    page.join(20)
    assert not page.is_alive()
    assert ended.status_code == 204
    assert headers["Content-Type"].partition(";")[0] == "text/event-stream"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Request-Id"]
    name, data = told[-3:-1] if told[-1] == "" else told[-2:]
    assert name == "event: session-revoked"
    assert f'"sid":"{sid}"' in data
    assert '"cause":"ended-by-user"' in data


def test_events_are_for_who_is_signed_in(portal: Portal) -> None:
    problem(portal.call("GET", "/me/events"), 401, "session-required")


# The password.


def test_a_password_that_is_repeated_under_its_key_gets_its_receipt_again(
    portal: Portal, robin: Someone, token: str
) -> None:
    key, new = secrets.token_hex(8), robin.new_password()
    first = change(portal, token, robin.password, new, **{"Idempotency-Key": key})
    assert first.status_code == 202
    assert not portal.is_accepted(token)
    again = change(portal, token, robin.password, new, **{"Idempotency-Key": key})
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Receipt-Token"] == first.headers["Receipt-Token"]
    other = change(portal, token, robin.password, new + "!", **{"Idempotency-Key": key})
    problem(other, 422, "idempotency-key-reused")
    unkeyed = change(portal, token, robin.password, new)
    problem(unkeyed, 401, "session-revoked")
    assert portal.sign_in(robin.user_id, new).status_code == 200
    here = portal.token(robin.user_id, new)
    receipts = portal.call("GET", "/me/receipts", token=here).json()["items"]
    assert [each["id"] for each in receipts] == [first.json()["receipt"]]


def test_of_the_same_change_many_times_at_once_one_is_made(
    portal: Portal, robin: Someone, token: str
) -> None:
    key, new = secrets.token_hex(8), robin.new_password()
    answers: list[Answer] = []

    def send() -> None:
        answers.append(change(portal, token, robin.password, new, **{"Idempotency-Key": key}))

    senders = [threading.Thread(target=send) for _ in range(6)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert {answer.status_code for answer in answers} <= {202, 409}
    changed = [answer.json() for answer in answers if answer.status_code == 202]
    assert changed
    assert all(each == changed[0] for each in changed)
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "request-in-progress")


def test_a_check_gives_a_score_and_every_reason(portal: Portal, token: str) -> None:
    answer = portal.call("POST", "/me/password/check", body={"password": "password1"}, token=token)
    assert answer.status_code == 200
    assert answer.json() == {
        "acceptable": False,
        "score": 0,
        "reasons": ["too-short", "breached", "too-guessable"],
    }


@pytest.mark.parametrize("password", ["", "\n", "a\u0000b", "\u0378" * 20, "x" * 1024])
def test_any_password_is_rated_and_none_breaks_the_rating(
    portal: Portal, token: str, password: str
) -> None:
    answer = portal.call("POST", "/me/password/check", body={"password": password}, token=token)
    assert (answer.status_code, answer.json()["acceptable"]) == (200, False)


def test_a_password_of_more_than_is_read_at_all_is_refused(portal: Portal, token: str) -> None:
    body = {"password": "x" * 1025}
    answer = portal.call("POST", "/me/password/check", body=body, token=token)
    document = problem(answer, 422, "invalid-request")
    assert [each["field"] for each in document["errors"]] == ["password"]


def test_composed_and_decomposed_input_is_one_password(
    portal: Portal, robin: Someone, token: str
) -> None:
    mark = secrets.token_hex(4)
    composed, decomposed = f"gr\u00fcne B\u00f6en {mark}", f"gru\u0308ne Bo\u0308en {mark}"
    assert change(portal, token, robin.password, composed).status_code == 202
    assert portal.sign_in(robin.user_id, decomposed).status_code == 200


def test_a_256_character_password_in_any_script_works(
    portal: Portal, robin: Someone, token: str
) -> None:
    new = (f"\u0442\u0438\u0445\u0438\u0435 \u4e2d\u6587 \U0001f9a6 {secrets.token_hex(4)} " * 20)[
        :256
    ]
    assert change(portal, token, robin.password, new).status_code == 202
    assert portal.sign_in(robin.user_id, new).status_code == 200
    assert portal.sign_in(robin.user_id, new[:-1]).status_code == 401


# Administration.


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
    listed = portal.call(
        "GET", "/admin/users?limit=1", token=portal.token(robin.user_id, robin.password)
    )
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


# What holds for every call.

PRIVATE = [
    ("GET", "/me"), ("GET", "/me/photo"), ("GET", "/me/sessions"), ("DELETE", "/me/sessions/x"),
    ("POST", "/me/sign-out-everywhere"), ("GET", "/me/receipts"), ("GET", "/me/receipts/x"),
    ("GET", "/me/events"), ("POST", "/me/password"), ("POST", "/me/password/check"),
    ("POST", "/sign-out"), ("GET", "/admin/users"), ("POST", "/admin/users"),
    ("GET", "/admin/parked-events"), ("POST", "/admin/parked-events/x/replay"),
]  # fmt: skip
LISTS = ["/me/sessions", "/me/receipts", "/admin/users", "/admin/parked-events"]
WITH_BODY = [
    ("/sign-in", {"user_id": "x", "password": "y"}),
    ("/sign-in/x/action", {"new_password": "y"}),
    ("/me/sign-out-everywhere", {"confirm": False}),
    ("/me/password", {"old_password": "x", "new_password": "y"}),
    ("/me/password/check", {"password": "y"}),
    ("/admin/users", {"user_id": "x", "display_name": "y", "emails": []}),
]


@pytest.mark.parametrize(("method", "path"), PRIVATE)
@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"Authorization": "Bearer made.up.token-of-some-length"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic YWRhOnBhc3N3b3Jk"},
    ],
)
def test_without_a_session_everything_private_asks_for_one(
    portal: Portal, method: str, path: str, shown: dict[str, str]
) -> None:
    problem(portal.call(method, path, headers=shown), 401, "session-required")


@pytest.mark.parametrize(("path", "body"), WITH_BODY)
def test_an_unknown_field_is_refused_by_name(
    portal: Portal, people: People, path: str, body: dict[str, Any]
) -> None:
    sent = body | {"is_admin": True}
    answer = portal.call("POST", path, body=sent, token=people.admin)
    document = problem(answer, 422, "invalid-request")
    assert "is_admin" in {each["field"] for each in document["errors"]}


@pytest.mark.parametrize(("path", "body"), WITH_BODY)
def test_another_media_type_is_refused(
    portal: Portal, people: People, path: str, body: dict[str, Any]
) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "text/json"):
        headers = {"Content-Type": content_type}
        answer = portal.call("POST", path, body=body, token=people.admin, headers=headers)
        problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize(("path", "_body"), WITH_BODY)
def test_what_is_no_json_is_malformed(
    portal: Portal, people: People, path: str, _body: dict[str, Any]
) -> None:
    for content in (b"", b"{", b'{"password": "\\ud800"}', b"\xff", b"[" * 5000):
        answer = portal.call("POST", path, body=content, token=people.admin)
        problem(answer, 400, "malformed-body")


@pytest.mark.parametrize(("path", "_body"), WITH_BODY)
def test_a_body_of_more_than_64_kib_is_refused(
    portal: Portal, people: People, path: str, _body: dict[str, Any]
) -> None:
    answer = portal.call("POST", path, body=b" " * 70_000, token=people.admin)
    problem(answer, 413, "payload-too-large")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/me", "GET"),
        ("DELETE", "/me", "GET"),
        ("GET", "/sign-in", "POST"),
        ("POST", "/me/sessions", "GET"),
        ("PATCH", "/admin/users", "GET, POST"),
        ("OPTIONS", "/me", "GET"),
        ("TRACE", "/me", "GET"),
    ],
)
def test_another_method_is_refused_with_those_there_are(
    portal: Portal, method: str, path: str, allowed: str
) -> None:
    answer = portal.call(method, path)
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("path", ["/nothing", "/me/", "/ME", "/me/sessions/x/y", "//me", "/admin"])
def test_nothing_is_at_an_unknown_address(portal: Portal, path: str) -> None:
    answer = portal.call("GET", path)
    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/not-found"


@pytest.mark.parametrize("path", LISTS)
def test_a_page_is_of_one_to_two_hundred_items(portal: Portal, people: People, path: str) -> None:
    for most in (1, 200):
        page = portal.call("GET", f"{path}?limit={most}", token=people.admin).json()
        assert set(page) == {"items", "next"}
        assert len(page["items"]) <= most
    for limit in ("0", "201", "-1", "x", "", "1.0"):
        answer = portal.call("GET", f"{path}?limit={limit}", token=people.admin)
        document = problem(answer, 422, "invalid-request")
        assert [each["field"] for each in document["errors"]] == ["limit"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "after", ["nothing", "9" * 30, "9" * 5000, "%00", "%ff", "-1", "1", "$ne", "%20"]
)
def test_what_is_no_cursor_is_refused_by_its_name(
    portal: Portal, people: People, path: str, after: str
) -> None:
    answer = portal.call("GET", f"{path}?after={after}", token=people.admin)
    document = problem(answer, 422, "invalid-request")
    (error,) = document["errors"]
    assert (error["field"], error["reason"]) == ("after", "unknown-cursor")


@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_of_another_list_is_refused_like_one_that_there_is_not(
    portal: Portal, people: People, robin: Someone, path: str
) -> None:
    token, _ = (portal.token(robin.user_id, robin.password) for _ in range(2))
    theirs = portal.call("GET", "/me/sessions?limit=1", token=token).json()["next"]
    users = portal.call("GET", "/admin/users?limit=1", token=people.admin).json()["next"]
    unknown = portal.call("GET", f"{path}?after=zzz", token=people.admin).json()
    for after in {theirs, users} - ({users} if path == "/admin/users" else set()):
        answer = portal.call("GET", f"{path}?after={after}", token=people.admin)
        assert problem(answer, 422, "invalid-request") == unknown


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", ["limit=1&limit=1", "after=&after=", "after=x&after=y"])
def test_a_parameter_that_is_given_twice_is_refused(
    portal: Portal, people: People, path: str, query: str
) -> None:
    document = problem(
        portal.call("GET", f"{path}?{query}", token=people.admin), 422, "invalid-request"
    )
    (error,) = document["errors"]
    assert (error["field"], error["reason"]) == (query.partition("=")[0], "repeated")


def test_sessions_are_paged_without_loss_or_repetition(portal: Portal, robin: Someone) -> None:
    tokens = [portal.token(robin.user_id, robin.password) for _ in range(5)]
    seen: list[str] = []
    after = ""
    while after is not None:
        page = portal.call("GET", f"/me/sessions?limit=2&after={after}", token=tokens[0]).json()
        seen += [each["sid"] for each in page["items"]]
        after = page["next"]
    assert sorted(seen) == sorted(token.split(".")[1] for token in tokens)


def test_every_answer_has_an_id_of_its_own_and_is_not_stored(
    portal: Portal, token: str, people: People
) -> None:
    answers = [
        portal.call("GET", "/me", token=token),
        portal.call("GET", "/me"),
        portal.call("GET", "/me/sessions", token=token),
        portal.call("GET", "/nothing"),
        portal.call("PUT", "/me"),
        portal.call("GET", "/openapi.json"),
        portal.call("GET", "/docs"),
        portal.call("GET", "/admin/users", token=people.admin),
        portal.sign_in("nobody@halden.example", "nothing"),
    ]
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(ids)) == len(ids)
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_cookie_alone_reads_and_changes_nothing(
    portal: Portal, robin: Someone, token: str
) -> None:
    cookie = {"Cookie": f"__Host-session={token}"}
    assert portal.call("GET", "/me", headers=cookie).status_code == 200
    for csrf in ({}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": token}):
        for path, body in (
            ("/sign-out", None),
            ("/me/sign-out-everywhere", {"confirm": True}),
            ("/me/password", {"old_password": robin.password, "new_password": "x"}),
        ):
            answer = portal.call("POST", path, body=body, headers=cookie | csrf)
            problem(answer, 403, "csrf-refused")
    assert portal.is_accepted(token)


def test_a_cookie_with_the_token_of_its_page_changes(portal: Portal, token: str) -> None:
    cookie = {"Cookie": f"__Host-session={token}"}
    page = requests.get(portal.url, headers=cookie | {"Accept": "text/html"}, timeout=30)
    found = re.search(r'name="csrf"[^>]*(?:value|content)="([0-9a-f]{64})"', page.text)
    assert found, "The page carries no token."
    answer = portal.call("POST", "/sign-out", headers=cookie | {"X-CSRF-Token": found.group(1)})
    assert answer.status_code == 204
    assert not portal.is_accepted(token)


def test_the_page_of_one_session_carries_no_token_for_another(
    portal: Portal, robin: Someone, token: str
) -> None:
    other = portal.token(robin.user_id, robin.password)
    page = requests.get(
        portal.url,
        headers={"Cookie": f"__Host-session={other}", "Accept": "text/html"},
        timeout=30,
    )
    found = re.search(r'name="csrf"[^>]*(?:value|content)="([0-9a-f]{64})"', page.text)
    assert found
    headers = {"Cookie": f"__Host-session={token}", "X-CSRF-Token": found.group(1)}
    problem(portal.call("POST", "/sign-out", headers=headers), 403, "csrf-refused")


def test_nobody_is_told_from_where_they_come_by_a_header(portal: Portal, robin: Someone) -> None:
    forged = {
        "X-Forwarded-For": "203.0.113.5",
        "X-Real-IP": "203.0.113.5",
        "Forwarded": "for=203.0.113.5",
        "X-User-Id": "ada@halden.example",
        "X-Role": "admin",
    }
    body = {"user_id": robin.user_id, "password": robin.password}
    token = portal.call("POST", "/sign-in", body=body, headers=forged).json()["token"]
    (session,) = portal.call("GET", "/me/sessions", token=token, headers=forged).json()["items"]
    assert session["address"] != "203.0.113.5"
    answer = portal.call("GET", "/admin/users", token=token, headers=forged)
    problem(answer, 403, "not-allowed-by-policy")


def raw(portal: Portal, method: str, path: str, headers: dict[str, bytes], body: bytes) -> int:
    """Send headers of any bytes and return the status."""
    where = urlsplit(portal.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
    connection.putrequest(method, f"/api/v1{path}")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(
    "name",
    [
        "User-Agent", "Cookie", "Authorization", "Idempotency-Key", "Receipt-Token", "X-CSRF-Token",
        "X-Forwarded-For", "Accept-Language", "Accept", "Content-Type", "traceparent",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "value", [b"\xff\xfe", b"a=\xff; __Host-session=\xff", b"x" * 6000, b'"', b";,=;"]
)
def test_a_header_of_whatever_bytes_is_no_error_of_ours(
    portal: Portal, token: str, name: str, value: bytes
) -> None:
    shown = (
        {} if name in {"Authorization", "Cookie"} else {"Authorization": f"Bearer {token}".encode()}
    )
    sent = {"Content-Type": b"application/json", **shown, name: value}
    body = b'{"confirm": false}'
    for method, path in (
        ("GET", "/me"),
        ("GET", "/me/receipts/x"),
        ("POST", "/me/sign-out-everywhere"),
    ):
        assert raw(portal, method, path, sent, body) < 500, (method, path)


def test_a_strange_browser_can_sign_in(portal: Portal, robin: Someone) -> None:
    body = f'{{"user_id": "{robin.user_id}", "password": "{robin.password}"}}'.encode()
    headers = {"Content-Type": b"application/json", "User-Agent": b"Br\xf6wser/1"}
    assert raw(portal, "POST", "/sign-in", headers, body) == 200


def said_to(portal: Portal, sent: bytes) -> tuple[http.client.HTTPMessage, int, Any]:
    """Send bytes as they are, and return the headers, the status and the JSON of the answer."""
    where = urlsplit(portal.url)
    with socket.create_connection((where.hostname or "", where.port or 80), timeout=30) as sent_to:
        sent_to.sendall(sent)
        answer = http.client.HTTPResponse(sent_to)
        answer.begin()
        return answer.headers, answer.status, json.loads(answer.read())


@pytest.mark.parametrize(
    ("sent", "status", "slug"),
    [
        (b"nonsense\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\nX: %s\r\n\r\n" % (b"y" * 20_000), 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", 417, "expectation-failed"),
        (b"GET /x HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", 417, "expectation-failed"),
    ],
)
def test_what_cannot_be_read_as_a_request_is_answered_like_everything_else(
    portal: Portal, sent: bytes, status: int, slug: str
) -> None:
    headers, answered, document = said_to(portal, sent)
    assert (answered, document["type"]) == (status, f"/problems/{slug}")
    assert document["title"]
    assert document["detail"]
    assert headers["Content-Type"].partition(";")[0] == "application/problem+json"
    assert headers["X-Request-Id"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "aiohttp" not in str(headers)


@pytest.mark.parametrize("path", ["/api/v1/sign-in", "/sign-in"])
def test_a_body_that_is_not_compressed_as_it_says_is_refused(portal: Portal, path: str) -> None:
    kind = "application/json" if path.startswith("/api") else "application/x-www-form-urlencoded"
    for accept, answered_with in (("*/*", "application/problem+json"), ("text/html", "text/html")):
        answer = requests.post(
            portal.url + path,
            data=b"user_id=ada",
            headers={"Content-Encoding": "gzip", "Content-Type": kind, "Accept": accept},
            timeout=30,
        )
        assert answer.status_code == 400
        is_api = path.startswith("/api")
        shown = "application/problem+json" if is_api else answered_with
        assert answer.headers["Content-Type"].partition(";")[0] == shown


def test_a_receipt_is_for_its_owners_session_whatever_token_comes_with_it(
    portal: Portal, robin: Someone, token: str
) -> None:
    given = portal.call("POST", "/me/sign-out-everywhere", body={"confirm": True}, token=token)
    path, here = (
        f"/me/receipts/{given.json()['receipt']}",
        portal.token(robin.user_id, robin.password),
    )
    for shown in ("", "an old one"):
        answer = portal.call("GET", path, token=here, headers={"Receipt-Token": shown})
        assert answer.status_code == 200
    problem(portal.call("GET", path, headers={"Receipt-Token": ""}), 401, "session-required")


def test_a_limit_of_any_length_is_refused_by_its_name(portal: Portal, token: str) -> None:
    answer = portal.call("GET", f"/me/sessions?limit=000000001{'0' * 5000}", token=token)
    document = problem(answer, 422, "invalid-request")
    assert [each["field"] for each in document["errors"]] == ["limit"]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_told_without_a_session(portal: Portal, path: str) -> None:
    answer = requests.get(portal.url + path, timeout=30)
    assert answer.status_code == 200


def test_metrics_are_not_for_the_public(portal: Portal) -> None:
    assert requests.get(f"{portal.url}/metrics", timeout=30).status_code == 404


def test_the_description_is_openapi_and_shown_to_people(portal: Portal) -> None:
    described = portal.call("GET", "/openapi.json")
    assert described.headers["Content-Type"].startswith("application/json")
    assert described.json()["openapi"].startswith("3.1")
    shown = portal.call("GET", "/docs", headers={"Accept": "text/html"})
    assert shown.status_code == 200
    assert shown.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    for path in described.json()["paths"]:
        assert path.removeprefix("/api/v1") in shown.text


def test_a_problem_is_told_in_the_readers_language(portal: Portal) -> None:
    def told(language: str) -> str:
        answer = portal.call("GET", "/me", headers={"Accept-Language": language})
        return str(answer.json()["title"])

    assert told("de-AT, en;q=0.5") != told("en")
    assert told("xx") == told("en")
