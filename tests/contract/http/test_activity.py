"""Every attempt to sign in is a row for its user, and tells nobody else anything."""

import asyncio
import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from services.gateway import attempts
from services.gateway.api.activity import SignInItem
from services.gateway.attempts import Attempts
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.peer import Peer
from services.gateway.clients.sessions import SessionsClient
from services.gateway.errors import AnswerLost
from services.gateway.model import ActionRequired, Caller, SignedIn, SignInAttempt
from services.gateway.step_up import RecentMinutes
from services.sessions.attempts import ThrottledMinutes
from services.sessions.errors import EpochMovedOn
from shared.contracts.accounts import DisableAccount, EnableAccount
from shared.contracts.activity import Attempt, NoteAttempt
from shared.contracts.body import Done
from shared.contracts.policy import UsualActivityDays
from shared.contracts.refusals import Refusal, Unavailable, UnknownCursor
from shared.contracts.sessions import Where
from shared.problems import PRIVATE_HEADER
from tests.contract.http.gateway import CLIENT, NEW, OLD, WHERE, Gateway, key, refused
from tests.contract.http.test_passkeys import Kim as WithPasskey
from tests.contract.http.test_roles import api, application
from tests.contract.http.test_security_info import Kim as WithPhone
from tests.memory.activity import Row
from tests.memory.sessions import MemorySessions
from tests.unit.gateway.system import problem_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
async def kim(gateway: Gateway) -> Caller:
    await gateway.add("kim")
    return await gateway.caller("kim")


async def rows(gateway: Gateway, caller: Caller, **asked: Any) -> list[Attempt]:
    return list((await gateway.activity.page(caller, **asked)).items)


def kept(gateway: Gateway) -> list[Row]:
    """Return every row that is kept, whosever it is."""
    return list(gateway.services.memory.sessions.activity.rows.values())


async def wrong(
    gateway: Gateway, name: str = "kim", number: int = 0, device: str | None = None
) -> Refusal:
    return await refused(gateway.begin(name, f"wrong {number}", device))


async def signed_in(gateway: Gateway, device: str | None = None) -> SignedIn:
    outcome = await gateway.begin("kim", key=device)
    assert isinstance(outcome, SignedIn)
    return outcome


async def test_a_wrong_password_and_a_sign_in_are_rows_of_their_user(
    gateway: Gateway, kim: Caller
) -> None:
    await wrong(gateway)
    bad, good = await rows(gateway, kim)
    assert (good.outcome, bad.outcome) == ("signed-in", "wrong-password")
    assert (good.device_id, bad.device_id) == (kim.session.device_id, None)
    assert (good.address, good.app, good.place_names) == (WHERE.address, "portal", {})
    assert (good.flags, bad.flags) == (("new-device",), ("new-device",))


async def test_what_is_tried_on_a_device_of_ones_own_is_not_flagged(
    gateway: Gateway, kim: Caller
) -> None:
    await gateway.add("eve")
    device = (await signed_in(gateway)).device
    await wrong(gateway, device=device.key)
    await wrong(gateway, "eve", device=device.key)
    await signed_in(gateway, device.key)
    good, bad = (await rows(gateway, kim))[:2]
    assert (good.flagged, good.device_id) == (False, device.id)
    assert (bad.flagged, bad.device_id) == (False, device.id)
    # Whose device it is else, is nobody's business.
    (elsewhere,) = await rows(gateway, await gateway.caller("eve"), outcome="wrong-password")
    assert (elsewhere.flags, elsewhere.device_id) == (("new-device",), None)


async def test_a_failed_second_factor_says_that_the_password_was_known(gateway: Gateway) -> None:
    kim = await WithPhone.added(gateway)
    setup = await kim.authenticator(await gateway.caller("kim"))
    waiting, code = await kim.challenged(), kim.code(setup)
    assert (await refused(kim.answer(waiting, SecretStr("000000")))).type == "code-refused"
    caller = await kim.signed_in(setup)
    assert (await refused(kim.answer(waiting, code))).type in {"code-refused", "code-used"}
    used, good, bad, _ = await rows(gateway, caller)
    assert good.outcome == "signed-in"
    assert used.outcome == bad.outcome == "second-factor-failed"
    assert bad.flags == ("new-device", "password-known")
    assert await rows(gateway, caller, search="factor") == [used, bad]


async def test_a_passkey_that_is_refused_after_the_password_is_one_too(gateway: Gateway) -> None:
    kim = await WithPasskey.added(gateway)
    waiting = await kim.challenged()
    assert (await refused(kim.answer(waiting, SecretStr("{}")))).type == "passkey-refused"
    assert kept(gateway)[-1].attempt.outcome == "second-factor-failed"


async def test_codes_that_are_not_looked_at_any_more_are_one_row(gateway: Gateway) -> None:
    kim = await WithPhone.added(gateway)
    await kim.authenticator(await gateway.caller("kim"))
    waiting = await kim.challenged()
    for number in range(13):
        await refused(kim.answer(waiting, SecretStr(f"{number:06}")))
    outcomes = [each.attempt.outcome for each in kept(gateway)]
    assert outcomes[-1] == "second-factor-throttled"
    assert outcomes.count("second-factor-failed") == 10
    assert kept(gateway)[-1].count == 3


async def test_attempts_that_are_not_looked_at_are_counted_in_one_row_for_each_address(
    gateway: Gateway, kim: Caller
) -> None:
    for number in range(20):
        await wrong(gateway, number=number)
    throttled, *others = await rows(gateway, kim)
    assert (throttled.outcome, throttled.count) == ("throttled", 10)
    assert len(others) == 11
    elsewhere = SignInAttempt(
        "kim@halden.example", SecretStr(OLD), Where(address="198.51.100.4"), CLIENT
    )
    await refused(gateway.sign_in.begin(elsewhere))
    assert [each.count for each in await rows(gateway, kim, outcome="throttled")] == [1, 10]
    # Later it is another row.
    gateway.services.memory.clock.advance(ThrottledMinutes * 60)
    note = NoteAttempt(sub=kim.sub, outcome="throttled", where=WHERE)
    await gateway.services.sessions.note_attempt(note)
    assert [each.count for each in await rows(gateway, kim, outcome="throttled")] == [1, 1, 10]


async def test_nobody_s_user_id_is_noted_as_somebody_s_and_forgotten_after_a_day(
    gateway: Gateway, kim: Caller
) -> None:
    known, unknown = await wrong(gateway), await wrong(gateway, "nobody")
    assert (known.type, known.status, known.body()) == (
        unknown.type, unknown.status, unknown.body(),
    )  # fmt: skip
    somebody, nobody = kept(gateway)[-2:]
    assert somebody.attempt.sub == kim.sub
    assert nobody.attempt == replace(
        somebody.attempt, sub=nobody.attempt.sub, known=False, organization=None
    )
    assert "nobody" not in nobody.attempt.sub
    assert timedelta(seconds=nobody.attempt.kept_seconds) == timedelta(days=1)
    assert timedelta(seconds=somebody.attempt.kept_seconds) == timedelta(days=UsualActivityDays)


async def test_what_the_gateway_is_told_of_an_attempt_reaches_no_client(
    gateway: Gateway, kim: Caller
) -> None:
    app = application(gateway, api(gateway).operations())
    async with TestClient(TestServer(app)) as client:

        async def tries(name: str, password: str) -> tuple[ClientResponse, bytes]:
            body = {"user_id": f"{name}@halden.example", "password": password}
            answer = await client.post("/api/v1/sign-in", json=body)
            return answer, await answer.read()

        for number in range(12):
            known, unknown = await tries("kim", f"{number}"), await tries("nobody", f"{number}")
            assert known[1] == unknown[1]
            assert known[0].status == unknown[0].status
            assert set(known[0].headers) == set(unknown[0].headers)
            assert PRIVATE_HEADER not in known[0].headers
            assert kim.sub.encode() not in known[1]
        assert known[0].status == 429
    outcomes = [(each.attempt.known, each.attempt.outcome) for each in kept(gateway)]
    assert {(True, "throttled"), (False, "throttled")} <= set(outcomes)


async def test_a_right_password_that_lets_nobody_in_is_told_to_its_owner_later(
    gateway: Gateway, kim: Caller
) -> None:
    accounts = gateway.services.credentials
    await accounts.disable(DisableAccount(sub=kim.sub))
    disabled, known = await refused(gateway.begin("kim")), await wrong(gateway)
    assert (disabled.body(), disabled.status) == (known.body(), known.status)
    await accounts.enable(EnableAccount(sub=kim.sub))
    outcomes = [each.outcome for each in await rows(gateway, await gateway.caller("kim"))]
    assert outcomes[:3] == ["signed-in", "wrong-password", "account-disabled"]


async def test_a_refusal_goes_out_without_the_sessions_service(
    gateway: Gateway, kim: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = gateway.services.peer("sessions")
    away = SessionsClient(Peer(peer.session, "http://127.0.0.1:9", "a key"))
    gateway.sign_in = replace(gateway.sign_in, attempts=Attempts(away))
    assert (await wrong(gateway)).type == "sign-in-refused"
    monkeypatch.setattr(attempts, "LongestNoteSeconds", 0.01)

    class Hangs(SessionsClient):
        async def note_attempt(self, asked: NoteAttempt) -> Done:
            await asyncio.Event().wait()
            raise AssertionError(asked)

    gateway.sign_in = replace(gateway.sign_in, attempts=Attempts(Hangs(peer)))
    assert (await wrong(gateway)).type == "sign-in-refused"
    assert len(kept(gateway)) == 1


async def test_a_sign_in_that_was_overtaken_says_so(
    gateway: Gateway, kim: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = MemorySessions.add_session

    async def meanwhile(store: MemorySessions, *asked: Any, **more: Any) -> Any:
        session = await add(store, *asked, **more)
        store.epochs.raise_(kim.sub, "password-changed")
        return session

    monkeypatch.setattr(MemorySessions, "add_session", meanwhile)
    assert (await refused(gateway.begin("kim"))).type == EpochMovedOn.type
    assert kept(gateway)[-1].attempt.outcome == "overtaken"


async def test_rows_are_found_by_words_as_they_are_typed(gateway: Gateway, kim: Caller) -> None:
    where = Where(address="2001:db8::7", user_agent=FIREFOX)
    for outcome in ("wrong-password", "throttled"):
        await gateway.services.sessions.note_attempt(
            NoteAttempt(sub=kim.sub, outcome=outcome, where=where)
        )
    for search in ("fire", "FIREFOX linux", "2001:DB", "Wrong pass", "  port firefox "):
        assert "signed-in" not in {each.outcome for each in await rows(gateway, kim, search="fire")}
        assert await rows(gateway, kim, search=search), search
    for search in ("ire", ".*", "^fire", "fire$", "fire opera", "\\", "["):
        assert await rows(gateway, kim, search=search) == [], search
    assert len(await rows(gateway, kim, search="")) == 3
    for search in ("x" * 65, "fire\x00fox", "\u202efox"):
        assert (await refused(rows(gateway, kim, search=search))).type == "invalid-request"
    with pytest.raises(ValueError, match="ListAttempts"):
        await rows(gateway, kim, outcome="anything")


async def test_pages_go_on_where_they_ended_and_not_in_anothers_list(
    gateway: Gateway, kim: Caller
) -> None:
    for number in range(4):
        await wrong(gateway, number=number)
    first = await gateway.activity.page(kim, limit=3)
    second = await gateway.activity.page(kim, limit=3, after=first.next)
    whole = await rows(gateway, kim)
    assert [*first.items, *second.items] == whole
    assert (first.next, second.next) == (first.items[-1].id, None)
    await gateway.add("eve")
    for after in (first.next, "none", "x" * 200):
        refusal = await refused(gateway.activity.page(await gateway.caller("eve"), after=after))
        assert (refusal.type, refusal.errors) == (UnknownCursor.type, UnknownCursor().errors)


async def test_days_are_counted_by_what_attempts_came_to(gateway: Gateway, kim: Caller) -> None:
    for _ in range(2):
        await wrong(gateway)
        gateway.services.memory.clock.advance(24 * 3600)
    counts = await gateway.activity.counts(kim)
    assert [(each.outcome, each.count) for each in counts.items] == [
        ("signed-in", 1), ("wrong-password", 1), ("wrong-password", 1),
    ]  # fmt: skip
    assert (counts.today - counts.items[0].day).days == 2


async def test_who_was_it_is_noted_in_ones_own_rows_alone(gateway: Gateway, kim: Caller) -> None:
    (row,) = await rows(gateway, kim)
    for _ in range(2):
        assert (await gateway.activity.mine(kim, row.id)).reported == "mine"
    assert [each.reported for each in await rows(gateway, kim)] == ["mine"]
    await gateway.add("eve")
    eve = await gateway.caller("eve")
    for report in (gateway.activity.mine, gateway.activity.not_mine, gateway.activity.attempt):
        for attempt in (row.id, "none", "x" * 200):
            assert (await refused(report(eve, attempt))).type == "not-found"
    assert (await gateway.acceptance.accept(eve.token, WHERE)).sub == eve.sub
    assert isinstance(await gateway.begin("eve"), SignedIn)


@pytest.mark.asvs("7.4.3")
async def test_what_was_not_me_secures_the_account_in_one_step(
    gateway: Gateway, kim: Caller
) -> None:
    theirs = await signed_in(gateway)
    intruder = await gateway.acceptance.accept(theirs.token, WHERE)
    row = (await rows(gateway, kim))[0]
    revoked = await gateway.activity.not_mine(kim, row.id)
    for caller in (kim, intruder):
        refusal = await refused(gateway.acceptance.accept(caller.token, WHERE))
        assert (refusal.type, refusal.extra) == ("session-revoked", {"cause": "not-me"})
    receipt = await gateway.account.receipt(None, revoked.receipt, revoked.receipt_token)
    assert receipt.cause == "not-me"
    waiting = await gateway.begin("kim")
    assert isinstance(waiting, ActionRequired)
    assert waiting.action == "change-password"
    same = gateway.sign_in.replace_temporary_password(key(waiting), SecretStr(OLD), WHERE)
    assert (await refused(same)).type == "password-refused"
    done = await gateway.sign_in.replace_temporary_password(key(waiting), SecretStr(NEW), WHERE)
    assert isinstance(done, SignedIn)
    caller = await gateway.acceptance.accept(done.token, WHERE)
    assert (await gateway.activity.attempt(caller, row.id)).reported == "not-mine"
    assert isinstance(await gateway.begin("kim", NEW), SignedIn)
    refusal = await refused(gateway.begin("kim", NEW, theirs.device.key))
    assert refusal.type == "device-disabled"
    assert (await rows(gateway, caller))[0].outcome == "device-disabled"


async def test_it_takes_having_shown_a_moment_ago_who_one_is(gateway: Gateway, kim: Caller) -> None:
    (row,) = await rows(gateway, kim)
    gateway.services.memory.clock.advance(RecentMinutes * 60)
    refusal = await refused(gateway.activity.not_mine(kim, row.id))
    assert (refusal.type, refusal.extra) == ("step-up-required", {"needs": "reauthentication"})
    assert isinstance(await gateway.begin("kim"), SignedIn)
    assert (await gateway.activity.mine(kim, row.id)).reported == "mine"


@pytest.mark.parametrize("dies", ["before", "after"])
async def test_what_dies_on_the_way_can_be_repeated_and_is_on_the_safe_side(
    gateway: Gateway, kim: Caller, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    (row,) = await rows(gateway, kim)
    require: Callable[..., Any] = CredentialsClient.require_password_change

    async def lost(client: CredentialsClient, asked: Any) -> Done:
        if dies == "after":
            await require(client, asked)
        raise AnswerLost

    with monkeypatch.context() as patched:
        patched.setattr(CredentialsClient, "require_password_change", lost)
        assert (await refused(gateway.activity.not_mine(kim, row.id))).type == Unavailable.type
    again = await gateway.acceptance.accept(kim.token, WHERE)
    assert isinstance(await gateway.begin("kim"), SignedIn if dies == "before" else ActionRequired)
    await gateway.activity.not_mine(again, row.id)
    assert isinstance(await gateway.begin("kim"), ActionRequired)


async def test_a_sign_in_under_way_ends_with_it(gateway: Gateway) -> None:
    kim = await WithPasskey.added(gateway)
    waiting = await kim.challenged()
    caller = await kim.caller()
    await gateway.activity.not_mine(caller, (await rows(gateway, caller))[0].id)
    assert (await refused(kim.answer(waiting, kim.signed(waiting)))).type == "flow-ended"
    alone = await kim.alone()
    assert isinstance(alone, ActionRequired)
    assert alone.action == "change-password"


async def test_the_api_takes_reports_and_exports_rows(gateway: Gateway, kim: Caller) -> None:
    for number in range(3):
        await wrong(gateway, number=number)
    bearer = {"Authorization": f"Bearer {kim.token}"}
    app = application(gateway, api(gateway).operations())
    async with TestClient(TestServer(app), headers=bearer) as client:
        path = "/api/v1/me/sign-ins"
        page = await (await client.get(f"{path}?search=wrong&limit=2")).json()
        assert [each["outcome"] for each in page["items"]] == ["wrong-password"] * 2
        assert set(page["items"][0]) == set(SignInItem.model_fields)
        for asked in ("outcome=none", f"search={'x' * 65}", "after=none", "search=a&search=b"):
            await problem_of(await client.get(f"{path}?{asked}"), 422, "invalid-request")
        await problem_of(await client.get(f"{path}/export?format=xml"), 422, "invalid-request")
        listed = await client.get(f"{path}/export?format=json")
        whole = await listed.json()
        assert listed.headers["Content-Disposition"] == 'attachment; filename="sign-ins.json"'
        assert [each["outcome"] for each in whole] == [*["wrong-password"] * 3, "signed-in"]
        sheet = (await (await client.get(f"{path}/export")).read()).decode()
        head, *lines = csv.reader(io.StringIO(sheet, newline=""))
        ids = [line[head.index("id")] for line in lines]
        assert ids == [each["id"] for each in whole]
        report = f"{path}/{whole[0]['id']}/report"
        for body in ({}, {"mine": 0}, {"mine": "no"}, {"mine": True, "more": 1}):
            await problem_of(await client.post(report, json=body), 422, "invalid-request")
        noted = await client.post(report, json={"mine": True})
        assert (noted.status, (await noted.json())["reported"]) == (200, "mine")
        made = await client.post(report, json={"mine": False})
        assert (made.status, set(await made.json())) == (202, {"receipt", "receipt_token"})
        over = await client.get(path)
        await problem_of(over, 401, "session-revoked")
