"""Live streams: told at once, by event or by looking, and closed after the last word."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from services.gateway.acceptance import Acceptance
from services.gateway.live import Changed, Ended, LiveSessions, Said, StillOpen
from services.gateway.model import Caller
from shared.contracts.events import (
    CredentialChange,
    CredentialChangePayload,
    SessionRevoked,
    SessionRevokedPayload,
)
from shared.contracts.refusals import Refusal, Unavailable
from shared.contracts.sessions import Session, Where
from tests.unit.gateway.sessions import Sessions, token_of

AT = datetime(2026, 3, 1, tzinfo=UTC)
HERE = Where(address="192.0.2.7")


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
def live(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> LiveSessions:
    monkeypatch.setattr("services.gateway.live.LookSeconds", 0.05)
    return LiveSessions(Acceptance(sessions.cache, sessions))


def revoked(*sids: str, receipt: str | None = "receipt") -> SessionRevoked:
    return SessionRevoked(
        id=f"{sids[0]}.0",
        subject="ada",
        occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
        initiating_entity="user",
        payload=SessionRevokedPayload(sids=sids, cause="password-changed", receipt=receipt),
    )


def changed(revision: int | None, **more: object) -> CredentialChange:
    usual = {"credential_type": "app", "change_type": "create", "cause": "method-added"}
    payload = {**usual, "method": "phone", "revision": revision, **more}
    return CredentialChange(
        id=f"change-{revision}",
        subject="ada",
        occurred_at=AT,
        initiating_entity="user",
        payload=CredentialChangePayload.model_validate(payload),
    )


def caller(session: Session) -> Caller:
    return Caller(session, token_of(session), HERE)


def followed(live: LiveSessions, session: Session) -> asyncio.Task[list[Said]]:
    """Follow a session until its stream ends."""
    stream: AsyncIterator[Said] = live.follow(caller(session))

    async def collect() -> list[Said]:
        async with asyncio.timeout(10):
            return [said async for said in stream]

    return asyncio.create_task(collect())


async def test_an_ended_session_is_told_and_its_stream_closed(
    live: LiveSessions, sessions: Sessions
) -> None:
    session = sessions.begin()
    following = followed(live, session)
    await asyncio.sleep(0)
    await live.revoked(revoked("another", session.sid))
    said = await following
    assert said[-1] == Ended(session.sid, "password-changed", "receipt")


async def test_every_page_of_a_session_is_told_and_no_other(
    live: LiveSessions, sessions: Sessions
) -> None:
    mine, other = sessions.begin(), sessions.begin()
    pages = [followed(live, mine) for _ in range(3)]
    bystander = followed(live, other)
    await asyncio.sleep(0)
    await live.revoked(revoked(mine.sid))
    for page in pages:
        assert isinstance((await page)[-1], Ended)
    assert not bystander.done()
    live.close()
    assert not any(isinstance(said, Ended) for said in await bystander)


async def test_an_event_that_comes_twice_is_told_once(
    live: LiveSessions, sessions: Sessions
) -> None:
    session = sessions.begin()
    following = followed(live, session)
    await asyncio.sleep(0)
    for _ in range(2):
        await live.revoked(revoked(session.sid))
    assert sum(isinstance(said, Ended) for said in await following) == 1
    await live.revoked(revoked(session.sid))


async def test_a_change_is_told_to_every_page_of_whoever_it_is_and_to_nobody_else(
    live: LiveSessions, sessions: Sessions
) -> None:
    sessions.epochs["eve"] = 1
    pages = [followed(live, sessions.begin()) for _ in range(2)]
    bystander = followed(live, sessions.begin("eve"))
    await asyncio.sleep(0)
    await live.changed(changed(1))
    live.close()
    for page in pages:
        assert Changed(AT, "method-added", 1) in await page
    assert not any(isinstance(said, Changed) for said in await bystander)


async def test_a_change_is_told_once_and_none_after_a_later_one(
    live: LiveSessions, sessions: Sessions
) -> None:
    following = followed(live, sessions.begin())
    await asyncio.sleep(0)
    for revision in (1, 1, 4, 3, 4, 1, 5):
        await live.changed(changed(revision))
    live.close()
    told = [said.revision for said in await following if isinstance(said, Changed)]
    assert told == [1, 4, 5]


async def test_what_is_no_change_of_methods_is_not_told(
    live: LiveSessions, sessions: Sessions
) -> None:
    following = followed(live, sessions.begin())
    await asyncio.sleep(0)
    await live.changed(changed(1, change_type="revoke", cause="recovery-code-used"))
    # An earlier version knows no revisions, and a password's change ends the session anyway.
    await live.changed(changed(None))
    live.close()
    assert not any(isinstance(said, Changed) for said in await following)


async def test_a_session_that_ended_without_an_event_is_noticed_by_looking(
    live: LiveSessions, sessions: Sessions
) -> None:
    session = sessions.begin()
    following = followed(live, session)
    sessions.epochs["ada"] = 2
    said = await following
    assert said[-1] == Ended(session.sid, "password-changed")


async def test_a_session_that_goes_on_is_said_to_be_open(
    live: LiveSessions, sessions: Sessions
) -> None:
    session = sessions.begin()
    stream = live.follow(caller(session))
    assert [await anext(stream), await anext(stream)] == [StillOpen(), StillOpen()]
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_page_that_is_merely_open_does_not_renew_its_session(
    live: LiveSessions, sessions: Sessions
) -> None:
    stream = live.follow(caller(sessions.begin()))
    await anext(stream)
    assert [asked.renew for asked in sessions.asked] == [False]
    await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("refusal", [Unavailable(), Refusal()])
async def test_a_store_that_does_not_answer_ends_no_stream(
    live: LiveSessions, sessions: Sessions, refusal: Refusal
) -> None:
    session = sessions.begin()
    sessions.refuses.append(refusal)
    stream = live.follow(caller(session))
    assert await anext(stream) == StillOpen()
    await stream.aclose()  # type: ignore[attr-defined]


async def test_streams_that_end_leave_nothing_behind(
    live: LiveSessions, sessions: Sessions
) -> None:
    session = sessions.begin()
    following = [followed(live, session) for _ in range(2)]
    await asyncio.sleep(0)
    following[0].cancel()
    await live.revoked(revoked(session.sid))
    await asyncio.gather(*following, return_exceptions=True)
    assert dict(live._streams) == {}


async def test_closing_ends_every_stream_without_a_word(
    live: LiveSessions, sessions: Sessions
) -> None:
    following = [followed(live, sessions.begin()) for _ in range(3)]
    await asyncio.sleep(0)
    live.close()
    for each in following:
        assert Ended not in map(type, await each)
