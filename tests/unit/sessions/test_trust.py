"""Trust in devices: given with a session, checked with the next one, and forgotten."""

import asyncio

import pytest

from services.sessions.errors import EpochMovedOn
from shared.contracts.events import CredentialChange
from shared.contracts.sessions import EndRestingOn, Established, EstablishSession, RecogniseDevice
from shared.contracts.trust import CountTrusted, DeviceTrust, ForgetTrust, TrustTerms
from tests.unit.sessions.system import WHERE, System
from tests.unit.sessions.test_factors import gone

DAY = 24 * 3600
TERMS = TrustTerms(days=30, version=1)


@pytest.fixture
def system() -> System:
    return System.built()


async def trusting(system: System, sub: str = "ada", key: str | None = None) -> Established:
    """Sign in with a phone, and have the device trusted."""
    return await system.issuance.establish(
        EstablishSession(
            sub=sub, epoch=1, where=WHERE, device_key=key, aal=2, factor="phone", trust=TERMS
        )
    )


async def trusted(
    system: System, key: str | None, *, sub: str = "ada", epoch: int = 1, factor: str = "phone"
) -> Established:
    """Sign in without the phone, since the device is trusted."""
    return await system.issuance.establish(
        EstablishSession(sub=sub, epoch=epoch, where=WHERE, device_key=key, trusted_by=factor)
    )


async def trust_in(system: System, begun: Established) -> DeviceTrust | None:
    asked = RecogniseDevice(device_key=begun.device.key or "")
    return (await system.devices.recognise(asked)).trust


async def count(system: System, sub: str = "ada") -> int:
    return (await system.devices.count_trusted(CountTrusted(sub=sub))).count


async def test_a_device_is_trusted_from_when_its_session_is_there(system: System) -> None:
    begun = await trusting(system)
    system.clock.advance(100)
    trust = await trust_in(system, begun)
    assert trust == DeviceTrust(epoch=1, factor="phone", version=1, given_seconds_ago=100)
    assert (await count(system), await count(system, "eve")) == (1, 0)
    again = await trusted(system, begun.device.key)
    session = await system.accept(again)
    assert (session.aal, session.amr, session.factor) == (1, ("pwd",), None)
    assert again.device.id == begun.device.id


async def test_without_a_factor_nothing_is_trusted(system: System) -> None:
    asked = EstablishSession(sub="ada", epoch=1, where=WHERE, trust=TERMS)
    assert await trust_in(system, await system.issuance.establish(asked)) is None


async def test_trust_ends_with_its_days_and_begins_again_with_new_ones(system: System) -> None:
    begun = await trusting(system)
    system.clock.advance(30 * DAY - 1)
    assert await trust_in(system, begun) is not None
    system.clock.advance(1)
    assert await trust_in(system, begun) is None
    assert await count(system) == 0
    await trusting(system, key=begun.device.key)
    assert await trust_in(system, begun) is not None


async def test_a_sign_in_that_comes_to_nothing_leaves_no_trust(system: System) -> None:
    await system.sign_out_everywhere()
    with pytest.raises(EpochMovedOn):
        await trusting(system)
    await system.revocations.end_resting_on(
        EndRestingOn(sub="eve", factor="phone", cause="method-removed")
    )
    with pytest.raises(EpochMovedOn):
        await trusting(system, "eve")
    assert system.store.trusted == {}


async def test_a_raised_epoch_leaves_none_even_before_any_event(system: System) -> None:
    begun = await trusting(system)
    revoked = await system.sign_out_everywhere()
    assert await count(system) == 0
    with pytest.raises(EpochMovedOn):
        await trusted(system, begun.device.key, epoch=revoked.epoch)


@pytest.mark.parametrize(
    "event", [None, gone("phone"), gone("phone", "update")], ids=["asked", "removed", "replaced"]
)
async def test_with_its_factor_the_trust_is_gone(
    system: System, event: CredentialChange | None
) -> None:
    begun, hers = await trusting(system), await trusting(system, "eve")
    if event is None:
        asked = EndRestingOn(sub="ada", factor="phone", cause="method-removed")
        await system.revocations.end_resting_on(asked)
    else:
        await system.revocations.carry_out(event)
        await system.revocations.carry_out(event)
    assert await trust_in(system, begun) is None
    assert await trust_in(system, hers) is not None
    with pytest.raises(EpochMovedOn):
        await trusted(system, begun.device.key)
    assert all(each.ended_by for each in system.store.kept.values() if each.session.sub == "ada")


async def test_another_factor_that_goes_takes_no_trust_with_it(system: System) -> None:
    begun = await trusting(system)
    await system.revocations.carry_out(gone("tablet"))
    await trusted(system, begun.device.key)


async def test_all_trust_is_forgotten_at_once_twice_too_and_nobody_elses(system: System) -> None:
    mine = [await trusting(system) for _ in range(3)]
    hers = await trusting(system, "eve")
    assert await count(system) == 3
    await asyncio.gather(*(system.devices.forget_trust(ForgetTrust(sub="ada")) for _ in range(2)))
    assert await count(system) == 0
    for each in mine:
        assert await trust_in(system, each) is None
        with pytest.raises(EpochMovedOn):
            await trusted(system, each.device.key)
        # What is signed in stays so.
        await system.accept(each)
    assert await trust_in(system, hers) is not None


async def test_only_on_the_device_its_owner_and_the_factor_it_was_given_with(
    system: System,
) -> None:
    begun, other = await trusting(system), await system.begin()
    for refused in (
        trusted(system, begun.device.key, sub="eve"),
        trusted(system, other.device.key),
        trusted(system, None),
        trusted(system, begun.device.key, factor="tablet"),
    ):
        with pytest.raises(EpochMovedOn):
            await refused
