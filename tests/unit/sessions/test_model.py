"""The rules of sessions and revocations."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sessions.errors import SessionIsRevoked, SessionRequired
from services.sessions.model import (
    Revocation,
    Secret,
    SessionState,
    new_id,
    proof_of,
    sessions_revoked,
    signed_out_everywhere,
)
from shared.contracts.epochs import Raised
from shared.contracts.sessions import EndedSession, Session

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROOF = proof_of("the secret")


def session(epoch: int = 4) -> Session:
    return Session(
        sid="session",
        sub="ada",
        epoch=epoch,
        device_id="device",
        created_at=AT,
        last_seen_at=AT,
        expires_at=AT + timedelta(hours=1),
        auth_time=AT,
        address="192.0.2.7",
        user_agent="Browser/1",
        app="portal",
        amr=("pwd",),
        aal=1,
    )


def state(**changed: Any) -> SessionState:
    usual: dict[str, Any] = {
        "session": session(),
        "proof": PROOF,
        "ended_by": None,
        "expired": False,
        "seconds_left": 3600.0,
        "unseen_seconds": 0.0,
    }
    return SessionState(**usual | changed)


def test_an_open_session_of_the_current_epoch_is_accepted() -> None:
    state().accept(proof=PROOF, epoch=4)


@pytest.mark.parametrize(
    "proof", [proof_of("another secret"), "", "0" * 64, PROOF.upper(), PROOF[:-1]]
)
def test_who_does_not_hold_the_secret_has_no_session(proof: str) -> None:
    with pytest.raises(SessionRequired) as refused:
        state().accept(proof=proof, epoch=4)
    assert refused.value.extra == {}


@pytest.mark.parametrize("epoch", [3, 5, 0])
def test_another_epoch_than_the_sessions_own_revokes_it(epoch: int) -> None:
    with pytest.raises(SessionIsRevoked) as refused:
        state().accept(proof=PROOF, epoch=epoch)
    assert "cause" not in refused.value.extra


@pytest.mark.asvs("7.4.1")
def test_an_ended_session_says_what_ended_it() -> None:
    with pytest.raises(SessionIsRevoked) as refused:
        state(ended_by="password-changed").accept(proof=PROOF, epoch=4)
    assert refused.value.extra == {"cause": "password-changed"}


def test_an_expired_session_is_over_by_itself() -> None:
    with pytest.raises(SessionRequired) as refused:
        state(expired=True, seconds_left=0.0).accept(proof=PROOF, epoch=4)
    assert refused.value.extra == {"cause": "expired"}


def test_a_stranger_learns_nothing_about_a_session_that_ended() -> None:
    with pytest.raises(SessionRequired) as refused:
        state(ended_by="password-changed", expired=True).accept(proof="wrong", epoch=9)
    assert refused.value.extra == {}


def test_revoked_comes_before_expired() -> None:
    for changed in ({"ended_by": "signed-out"}, {"session": session(epoch=3)}):
        with pytest.raises(SessionIsRevoked):
            state(expired=True, **changed).accept(proof=PROOF, epoch=4)


def told(count: int, receipt: str | None = "receipt") -> list[tuple[str, int]]:
    sids = [f"s{number}" for number in range(count)]
    events = sessions_revoked("ada", sids, "password-changed", receipt=receipt, at=AT)
    assert [sid for event in events for sid in event.payload.sids] == sids
    assert all(event.payload.receipt == receipt for event in events)
    return [(event.id, len(event.payload.sids)) for event in events]


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (0, []),
        (1, [1]),
        (500, [500]),
        (501, [500, 1]),
        (1000, [500, 500]),
        (1700, [500, 500, 500, 200]),
    ],
)
def test_ended_sessions_are_told_of_in_events_of_bounded_size(count: int, sizes: list[int]) -> None:
    assert [size for _, size in told(count)] == sizes


@given(st.integers(0, 2500))
def test_every_event_has_an_id_of_its_own(count: int) -> None:
    ids = [event_id for event_id, _ in told(count)]
    assert len(set(ids)) == len(ids)


def test_the_same_sessions_are_told_of_under_the_same_ids() -> None:
    assert told(700) == told(700)
    assert told(700, None) == told(700, None)


def test_the_event_of_a_sign_out_names_its_receipt_and_no_token() -> None:
    raised = Raised("ada", 5, "receipt", "the token")
    event = signed_out_everywhere(raised, "signed-out-everywhere", at=AT)
    assert (event.id, event.subject, event.payload.epoch) == ("receipt", "ada", 5)
    assert "the token" not in event.model_dump_json()


def revocation(**changed: Any) -> Revocation:
    usual: dict[str, Any] = {
        "receipt": "receipt",
        "sub": "ada",
        "cause": "password-changed",
        "epoch": 5,
        "committed_at": AT,
        "token_hash": PROOF,
    }
    return Revocation(**usual | changed)


def test_a_receipt_shows_what_is_still_to_be_ended() -> None:
    ended = EndedSession(sid="a", ended_at=AT)
    receipt = revocation(sessions=(ended,)).as_receipt(still_open=("b", "c"))
    assert receipt.sessions == (ended, EndedSession(sid="b"), EndedSession(sid="c"))
    assert receipt.completed_at is None
    assert receipt.apps == ()


def test_a_receipt_shows_neither_its_user_nor_its_token() -> None:
    shown = revocation().as_receipt().model_dump_json()
    assert "ada" not in shown
    assert PROOF not in shown


@pytest.mark.asvs("7.2.2", "7.2.3")
def test_fresh_secrets_and_ids_are_never_the_same() -> None:
    assert len({Secret.fresh().value for _ in range(100)}) == 100
    assert len({new_id() for _ in range(100)}) == 100


def test_a_secret_is_known_by_its_proof_only() -> None:
    fresh = Secret.fresh()
    assert fresh.proof == proof_of(fresh.value)
    assert fresh.value not in fresh.proof
    assert len(fresh.value) >= 43


@pytest.mark.asvs("7.2.3")
def test_no_secret_can_be_told_from_the_plain_random_numbers() -> None:
    made = []
    for _ in range(2):
        random.seed(7)
        made.append(Secret.fresh().value)
    assert made[0] != made[1]
    # 256 bits in base64.
    assert {len(each) for each in made} == {43}
