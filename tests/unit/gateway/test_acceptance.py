"""Accepting a session: from the cache what it proves, everything else from the store."""

import pytest

from services.gateway.acceptance import Acceptance
from services.gateway.errors import SessionIsRevoked, SessionRequired
from services.gateway.model import Token
from shared.cache import Accepted
from shared.contracts.sessions import Where
from tests.unit.gateway.sessions import SECRET, Sessions, token_of

HERE = Where(address="198.51.100.9", user_agent="Other/2")


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
def acceptance(sessions: Sessions) -> Acceptance:
    return Acceptance(sessions.cache, sessions)


async def test_what_the_cache_proves_is_accepted_without_asking(
    sessions: Sessions, acceptance: Acceptance
) -> None:
    session = sessions.begin()
    sessions.cached(session)
    caller = await acceptance.accept(token_of(session), HERE)
    assert (caller.session, caller.sub, caller.where) == (session, "ada", HERE)
    assert sessions.asked == []


async def test_what_the_cache_does_not_know_is_asked_for(
    sessions: Sessions, acceptance: Acceptance
) -> None:
    session = sessions.begin()
    assert (await acceptance.accept(token_of(session), HERE)).session == session
    (asked,) = sessions.asked
    assert (asked.sub, asked.sid) == ("ada", session.sid)
    assert SECRET not in asked.model_dump_json()


@pytest.mark.asvs("7.2.1")
async def test_another_secret_than_the_cached_one_asks_the_store(
    sessions: Sessions, acceptance: Acceptance
) -> None:
    session = sessions.begin()
    sessions.cached(session)
    with pytest.raises(SessionRequired):
        await acceptance.accept(f"ada.{session.sid}.{'x' * 30}", HERE)
    assert len(sessions.asked) == 1


async def test_another_epoch_than_the_cached_one_asks_the_store(
    sessions: Sessions, acceptance: Acceptance
) -> None:
    session = sessions.begin()
    sessions.cached(session, epoch=2)
    assert (await acceptance.accept(token_of(session), HERE)).session == session
    assert len(sessions.asked) == 1
    sessions.epochs["ada"] = 2
    with pytest.raises(SessionIsRevoked) as refused:
        await acceptance.accept(token_of(session), HERE)
    assert refused.value.extra == {"cause": "password-changed"}


@pytest.mark.asvs("7.2.1")
async def test_one_session_is_not_accepted_by_anothers_secret(
    sessions: Sessions, acceptance: Acceptance
) -> None:
    first, second = sessions.begin(), sessions.begin()
    sessions.cached(first)
    sessions.cached(second)
    stolen = f"ada.{first.sid}.{SECRET}{second.sid}"
    with pytest.raises(SessionRequired):
        await acceptance.accept(stolen, HERE)


async def test_a_record_of_another_version_asks_the_store(
    sessions: Sessions, acceptance: Acceptance
) -> None:
    session = sessions.begin()
    proof = Token.parse(token_of(session)).proof
    sessions.cache.known["ada", session.sid] = Accepted(1, f'{proof}{{"sid": "x"}}'.encode())
    assert (await acceptance.accept(token_of(session), HERE)).session == session
    assert len(sessions.asked) == 1


@pytest.mark.parametrize("record", [b"", b"0" * 64, b"short"])
async def test_a_record_that_proves_nothing_asks_the_store(
    sessions: Sessions, acceptance: Acceptance, record: bytes
) -> None:
    session = sessions.begin()
    sessions.cache.known["ada", session.sid] = Accepted(1, record)
    assert (await acceptance.accept(token_of(session), HERE)).session == session
    assert len(sessions.asked) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada.session",
        "ada.session.tooshort",
        "ada..a-secret-of-some-length",
        ".session.a-secret-of-some-length",
        "ada.session.a-secret-of-some-length.more",
        "ada.session.a-secret-of-some-length\n",
        " ada.session.a-secret-of-some-length",
        "ad\u00e4.session.a-secret-of-some-length",
        f"{'a' * 65}.session.a-secret-of-some-length",
        f"ada.session.{'s' * 129}",
        "\udcff.session.a-secret-of-some-length",
        "\u0661da.session.a-secret-of-some-length",
    ],
)
async def test_what_cannot_be_a_token_is_refused_without_asking_anybody(
    sessions: Sessions, acceptance: Acceptance, text: str
) -> None:
    with pytest.raises(SessionRequired):
        await acceptance.accept(text, HERE)
    assert sessions.asked == []


def test_a_token_is_taken_apart_and_known_by_its_proof_only() -> None:
    token = Token.parse("ada.session-1.a-secret-of-some-length")
    assert (token.sub, token.sid, token.secret) == ("ada", "session-1", "a-secret-of-some-length")
    assert len(token.proof) == 64
    assert "secret" not in token.proof
