"""Sessions and second factors: what a session rests on, and showing again who one is."""

import asyncio

import pytest

from services.sessions.errors import EpochMovedOn, SessionIsRevoked, SessionRequired
from shared.contracts.events import ChangeType, CredentialChange, CredentialChangePayload
from shared.contracts.sessions import EndRestingOn, Established, StepUp
from tests.memory.clock import StoppedClock
from tests.unit.sessions.system import System


@pytest.fixture
def system() -> System:
    return System.built()


def gone(factor: str, change_type: ChangeType = "delete", sub: str = "ada") -> CredentialChange:
    return CredentialChange(
        id=f"{factor}-{change_type}",
        subject=sub,
        occurred_at=StoppedClock().now(),
        initiating_entity="user",
        payload=CredentialChangePayload(
            credential_type="app", change_type=change_type, cause="method-removed", method=factor
        ),
    )


def stepping_up(begun: Established, factor: str | None = None, aal: int = 1) -> StepUp:
    return StepUp(
        sub="ada", sid=begun.session.sid, purpose="security-info", amr="otp" if factor else "pwd",
        aal=aal, factor=factor,
    )  # fmt: skip


async def test_showing_again_who_one_is_dates_the_session_and_names_the_purpose(
    system: System,
) -> None:
    begun = await system.begin()
    system.clock.advance(1000)
    await system.issuance.step_up(stepping_up(begun))
    session = await system.accept(begun)
    assert (session.auth_time - session.created_at).total_seconds() == 1000
    assert (session.auth_purpose, session.aal, session.amr) == ("security-info", 1, ("pwd",))


async def test_with_a_factor_the_session_is_worth_more_and_rests_on_it(system: System) -> None:
    begun = await system.begin()
    await system.issuance.step_up(stepping_up(begun, "phone", aal=2))
    session = await system.accept(begun)
    assert (session.aal, session.amr, session.factor) == (2, ("otp", "pwd"), "phone")
    # A password afterwards takes nothing away.
    await system.issuance.step_up(stepping_up(begun))
    session = await system.accept(begun)
    assert (session.aal, session.factor) == (2, "phone")


async def test_nobody_knows_the_session_as_it_was_once_that_is_answered(system: System) -> None:
    begun = await system.begin()
    await system.issuance.step_up(stepping_up(begun))
    assert system.epochs.settled == ["ada"]


async def test_what_is_over_or_somebody_elses_is_not_stepped_up(system: System) -> None:
    begun = await system.begin()
    asked = stepping_up(begun)
    with pytest.raises(SessionRequired):
        await system.issuance.step_up(asked.model_copy(update={"sub": "eve"}))
    system.clock.advance(3600)
    with pytest.raises(SessionRequired):
        await system.issuance.step_up(asked)


@pytest.mark.parametrize("change_type", ["delete", "update"])
async def test_what_rests_on_a_factor_ends_with_it_and_nothing_else(
    system: System, change_type: ChangeType
) -> None:
    resting = [await system.begin(factor="phone") for _ in range(3)]
    others = [await system.begin(), await system.begin(factor="key")]
    hers = await system.begin("eve", factor="tablet")
    event = gone("phone", change_type)
    await system.revocations.carry_out(event)
    await system.revocations.carry_out(event)
    for each in resting:
        with pytest.raises(SessionIsRevoked) as refused:
            await system.accept(each)
        assert refused.value.extra["cause"] == "method-removed"
    for each in (*others, hers):
        await system.accept(each)
    told = [sid for each in system.told() for sid in each.payload.sids]
    assert sorted(told) == sorted(each.session.sid for each in resting)
    assert "ada" in system.epochs.settled


async def test_who_replaces_the_factor_stays_signed_in(system: System) -> None:
    here, elsewhere = await system.begin(factor="phone"), await system.begin(factor="phone")
    event = gone("phone", "update")
    kept = event.payload.model_copy(update={"kept": here.session.sid})
    await system.revocations.carry_out(event.model_copy(update={"payload": kept}))
    await system.accept(here)
    with pytest.raises(SessionIsRevoked):
        await system.accept(elsewhere)


@pytest.mark.parametrize("change_type", ["create", "revoke"])
async def test_a_new_method_or_a_used_code_ends_nothing(
    system: System, change_type: ChangeType
) -> None:
    begun = await system.begin(factor="phone")
    await system.revocations.carry_out(gone("phone", change_type))
    await system.accept(begun)


async def test_a_sign_in_that_is_completed_after_its_factor_is_gone_comes_to_nothing(
    system: System,
) -> None:
    await system.revocations.end_resting_on(
        EndRestingOn(sub="ada", factor="phone", cause="method-removed")
    )
    with pytest.raises(EpochMovedOn):
        await system.begin(factor="phone")
    assert all(each.ended_by is not None for each in system.store.kept.values())


async def test_sign_ins_racing_the_removal_leave_nothing_open(system: System) -> None:
    begun = await asyncio.gather(
        *(system.begin(factor="phone") for _ in range(20)),
        system.revocations.carry_out(gone("phone")),
        *(system.begin(factor="phone") for _ in range(20)),
        return_exceptions=True,
    )
    for each in begun:
        if isinstance(each, Established):
            with pytest.raises(SessionIsRevoked):
                await system.accept(each)
    assert all(each.ended_by is not None for each in system.store.kept.values())
