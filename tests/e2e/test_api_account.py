"""My profile, sessions, receipts and events over the API, as its description promises them."""

import secrets
import threading
from typing import Any

import pytest
import requests

from tests.e2e.portal import MOMENT, People, Portal, Someone, change, demo_user, eventually, problem


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


@pytest.mark.asvs("7.5.2")
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
