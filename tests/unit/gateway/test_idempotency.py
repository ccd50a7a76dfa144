"""An operation acts once for every Idempotency-Key, and what decided nothing is not kept."""

import asyncio

import pytest

from services.gateway.api import operations
from services.gateway.api.operations import (
    AnswerSeconds,
    LargestKeptAnswer,
)
from services.gateway.clients.peer import CallSeconds, ReadSeconds
from services.gateway.errors import ConfirmationRequired, NotAllowedByPolicy, SessionIsRevoked
from services.gateway.store import ClaimSeconds
from shared.contracts.refusals import Busy, InvalidRequest, Refusal
from tests.unit.gateway.sessions import token_of
from tests.unit.gateway.system import Client, System, make, problem_of


async def test_a_repeated_request_gets_the_first_answer_and_acts_once(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    first = await make(client, ada, key="k")
    again = await make(client, ada, key="k")
    assert first.status == again.status == 202
    assert await first.json() == await again.json() == {"times": 1}
    assert again.headers["Receipt-Token"] == first.headers["Receipt-Token"] == "secret"
    assert again.content_type == "application/json"
    assert len(system.calls) == 1


async def test_without_a_key_every_request_acts(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    for _ in range(2):
        await make(client, ada)
    assert len(system.calls) == 2


async def test_another_body_under_the_same_key_is_refused(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    await make(client, ada, key="k")
    other = await make(client, ada, key="k", confirm=False)
    await problem_of(other, 422, "idempotency-key-reused")
    assert len(system.calls) == 1


async def test_another_operation_under_the_same_key_is_refused(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    await make(client, ada, key="k")
    ended = await client.delete("/api/v1/things/1", headers=ada | {"Idempotency-Key": "k"})
    await problem_of(ended, 422, "idempotency-key-reused")
    assert len(system.calls) == 1


async def test_a_key_belongs_to_who_shows_the_same_credential(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    eve = {"Authorization": f"Bearer {token_of(system.sessions.begin('eve'))}"}
    await make(client, ada, key="k")
    assert await (await make(client, eve, key="k")).json() == {"times": 2}


async def test_the_answer_is_given_again_though_the_session_ended(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    first = await make(client, ada, key="k")
    system.sessions.epochs["ada"] = 2
    again = await make(client, ada, key="k")
    assert await again.json() == await first.json()
    await problem_of(await make(client, ada, key="another"), 401, "session-revoked")


async def test_a_refusal_is_an_answer_and_is_given_again(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    system.fails.append(NotAllowedByPolicy())
    for _ in range(2):
        await problem_of(await make(client, ada, key="k"), 403, "not-allowed-by-policy")
    assert len(system.calls) == 1


@pytest.mark.parametrize("error", [Busy(), Refusal(), ZeroDivisionError()])
async def test_what_failed_on_our_side_is_tried_again(
    system: System, client: Client, ada: dict[str, str], error: Exception
) -> None:
    system.fails.append(error)
    assert (await make(client, ada, key="k")).status >= 500
    assert (await make(client, ada, key="k")).status == 202
    assert len(system.calls) == 2


async def test_who_was_told_to_come_back_later_may_do_so_with_the_same_key(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    throttled = Refusal(retry_after=1)
    throttled.type, throttled.status = "sign-in-throttled", 429
    system.fails.append(throttled)
    assert (await make(client, ada, key="k")).status == 429
    assert (await make(client, ada, key="k")).status == 202


async def test_a_refusal_that_is_given_again_keeps_its_headers(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    system.sessions.epochs["ada"] = 2
    for _ in range(2):
        answered = await make(client, ada, key="k")
        await problem_of(answered, 401, "session-revoked")
        assert answered.headers["WWW-Authenticate"] == 'Bearer error="session-revoked"'


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"nonsense", 400), (b'{"confirm": 1}', 422), (b"[]", 422), (b" " * 2000, 413)],
)
async def test_a_request_that_was_never_begun_leaves_nothing_behind(
    system: System, client: Client, ada: dict[str, str], content: bytes, status: int
) -> None:
    for shown in (ada, {}):
        path = "/api/v1/things" if shown else "/api/v1/open"
        headers = shown | {"Idempotency-Key": "k", "Content-Type": "application/json"}
        answered = await client.post(path, data=content, headers=headers)
        assert answered.status == status
    assert system.answers.answers == {}


async def test_who_has_no_session_leaves_nothing_behind(system: System, client: Client) -> None:
    session = system.sessions.begin()
    system.sessions.epochs["ada"] = 2
    for token in ("", "x", token_of(session)):
        shown = {"Authorization": f"Bearer {token}"}
        assert (await make(client, shown, key="k")).status == 401
    assert system.answers.answers == {}


@pytest.mark.parametrize(
    "error", [SessionIsRevoked(), InvalidRequest(), ConfirmationRequired(), Busy()]
)
async def test_a_refusal_that_decides_nothing_is_not_kept(
    system: System, client: Client, ada: dict[str, str], error: Exception
) -> None:
    system.fails.append(error)
    assert (await make(client, ada, key="k")).status >= 400
    assert (await make(client, ada, key="k")).status == 202


async def test_of_people_who_are_not_signed_in_only_what_was_carried_out_is_kept(
    system: System, client: Client
) -> None:
    async def send(key: str) -> int:
        headers = {"Idempotency-Key": key}
        return (await client.post("/api/v1/open", json={}, headers=headers)).status

    system.fails.append(NotAllowedByPolicy())
    assert await send("refused") == 403
    assert system.answers.answers == {}
    assert [await send("done"), await send("done")] == [202, 202]
    assert len(system.calls) == 2


async def test_an_answer_that_is_too_large_is_not_kept(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    system.says = b'"%s"' % (b"x" * LargestKeptAnswer)
    assert (await make(client, ada, key="k")).status == 202
    assert system.answers.answers == {}


async def test_no_request_outlives_its_claim(
    system: System, client: Client, ada: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert AnswerSeconds + 2 < ClaimSeconds
    assert 2 * ReadSeconds + CallSeconds < AnswerSeconds
    monkeypatch.setattr(operations, "AnswerSeconds", 0.05)
    system.wait = asyncio.Event()
    answered = await make(client, ada, key="k")
    await problem_of(answered, 503, "service-unavailable")
    assert system.answers.answers == {}


async def test_while_the_first_is_being_answered_the_second_is_told_to_wait(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    system.wait = asyncio.Event()
    first = asyncio.create_task(make(client, ada, key="k"))
    await system.begun.wait()
    second = await make(client, ada, key="k")
    await problem_of(second, 409, "request-in-progress")
    assert second.headers["Retry-After"] == "1"
    system.wait.set()
    assert (await first).status == 202
    assert (await make(client, ada, key="k")).status == 202
    assert len(system.calls) == 1


@pytest.mark.parametrize("key", ["", "k" * 256, "k\u00e9y"])
async def test_a_key_that_is_none_is_refused(
    system: System, client: Client, ada: dict[str, str], key: str
) -> None:
    answered = await make(client, ada, key=key)
    document = await problem_of(answered, 422, "invalid-request")
    assert document["errors"][0]["field"] == "Idempotency-Key"
    assert system.calls == []


async def test_the_longest_key_is_taken(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    for _ in range(2):
        assert (await make(client, ada, key="k" * 255)).status == 202
    assert len(system.calls) == 1


async def test_a_cookie_alone_opens_no_kept_answer(system: System, client: Client) -> None:
    token = token_of(system.sessions.begin())
    cookie = {"Cookie": f"__Host-session={token}"}
    csrf = {"X-CSRF-Token": system.requests.csrf_token(token)}
    assert (await make(client, cookie | csrf, key="k")).status == 202
    stolen = await make(client, cookie, key="k")
    assert stolen.status in {403, 422}
    assert "times" not in await stolen.text()


async def test_a_get_ignores_the_key(client: Client) -> None:
    for limit in (1, 2):
        answered = await client.get(
            f"/api/v1/things?limit={limit}", headers={"Idempotency-Key": "k"}
        )
        assert await answered.text() == f"[{limit}]"
