"""Disabled devices: what ends with one, who is refused there, and what is told."""

import asyncio
from typing import Any

import pytest

from services.sessions.errors import DeviceIsDisabled, NoSuchDevice, SessionIsRevoked
from services.sessions.model import Ending
from services.sessions.store import TellAgainSeconds
from shared.contracts.audit import Actor
from shared.contracts.devices import DisableDevice, EnableDevice, FindDevice, ListDevices
from shared.contracts.events import Audited, DeviceDisabled, NewDevices
from shared.contracts.refusals import UnknownCursor
from shared.contracts.sessions import (
    Established,
    ListReceipts,
    ReadReceipt,
    RecogniseDevice,
    Revoked,
)
from shared.contracts.trust import TrustTerms
from tests.unit.sessions.system import System

BY = Actor(sub="zoe", organization="halden")


@pytest.fixture
def system() -> System:
    return System.built()


def key_of(begun: Established) -> str:
    assert begun.device.key is not None
    return begun.device.key


async def disable(system: System, begun: Established, sub: str = "ada") -> Revoked:
    return await system.disabling.disable(DisableDevice(sub=sub, device_id=begun.device.id))


def told(system: System, kind: type[Any]) -> list[Any]:
    return [each for each in system.epochs.outbox.values() if isinstance(each, kind)]


async def test_what_is_open_on_a_disabled_device_ends_and_nothing_else(system: System) -> None:
    here = await system.begin()
    again = await system.begin(key=key_of(here))
    there, hers = await system.begin(), await system.begin("eve")
    revoked = await disable(system, here)
    for ended in (here, again):
        with pytest.raises(SessionIsRevoked) as refused:
            await system.accept(ended)
        assert refused.value.extra == {"cause": "device-disabled"}
    for left in (there, hers):
        await system.accept(left)
    receipt = await system.receipts.read(ReadReceipt(id=revoked.receipt, sub="ada"))
    assert (receipt.cause, receipt.epoch) == ("device-disabled", 1)
    assert receipt.completed_at is not None
    assert {each.sid for each in receipt.sessions} == {here.session.sid, again.session.sid}
    assert system.epochs.settled == ["ada"]


async def test_it_is_told_with_the_sessions_that_ended(system: System) -> None:
    begun = await system.begin()
    revoked = await disable(system, begun)
    (disabled,) = told(system, DeviceDisabled)
    assert (disabled.subject, disabled.initiating_entity) == ("ada", "user")
    assert disabled.payload.device == begun.device.id
    assert disabled.payload.receipt == revoked.receipt
    (ended,) = system.told()
    assert ended.payload.sids == (begun.session.sid,)
    assert (ended.payload.cause, ended.payload.receipt) == ("device-disabled", revoked.receipt)
    secrets = (key_of(begun), revoked.receipt_token)
    assert not any(
        each in event.model_dump_json() for event in (disabled, ended) for each in secrets
    )


async def test_nobody_signs_in_with_the_key_of_a_disabled_device(system: System) -> None:
    begun = await system.begin()
    await disable(system, begun)
    kept = len(system.store.kept)
    with pytest.raises(DeviceIsDisabled):
        await system.begin(key=key_of(begun))
    assert len(system.store.kept) == kept
    hers = await system.begin("eve", key=key_of(begun))
    anew = await system.begin()
    assert begun.device.id not in {hers.device.id, anew.device.id}


async def test_a_disabled_device_is_familiar_to_nobody(system: System) -> None:
    begun = await system.begin()
    await disable(system, begun)
    known = await system.devices.recognise(RecogniseDevice(device_key=key_of(begun)))
    assert (known.device_id, known.sub, known.trust) == (None, None, None)
    assert known.disabled_for == "ada"


async def test_only_ones_own_devices_are_disabled_and_each_once(system: System) -> None:
    begun = await system.begin()
    with pytest.raises(NoSuchDevice):
        await disable(system, begun, "eve")
    await system.accept(begun)
    await disable(system, begun)
    system.epochs.settled.clear()
    with pytest.raises(NoSuchDevice):
        await disable(system, begun)
    # Who did it may have died before this.
    assert system.epochs.settled == ["ada"]
    assert len(told(system, DeviceDisabled)) == len(system.epochs.revocations) == 1


@pytest.mark.parametrize("stage", ["before", "between", "after"])
async def test_a_sign_in_that_crosses_a_disabling_leaves_no_session(
    system: System, stage: str
) -> None:
    begun = await system.begin()
    add, disabled, seen = system.store.add_session, system.store.is_disabled, asyncio.Event()

    async def adding(*args: Any, **options: Any) -> Any:
        if stage == "before":
            await disable(system, begun)
        session = await add(*args, **options)
        if stage == "between":
            await disable(system, begun)
        return session

    async def looking(device_id: str) -> bool:
        found = await disabled(device_id)
        seen.set()
        if stage == "after":
            await disable(system, begun)
        return found

    system.store.add_session = adding  # type: ignore[method-assign]
    system.store.is_disabled = looking  # type: ignore[method-assign]
    try:
        late = await system.begin(key=key_of(begun))
    except DeviceIsDisabled:
        assert stage != "after"
    else:
        with pytest.raises(SessionIsRevoked):
            await system.accept(late)
    assert seen.is_set()
    assert all(each.ended_by is not None for each in system.store.kept.values())


async def test_a_session_that_is_stored_while_the_disabling_commits_ends_too(
    system: System,
) -> None:
    begun = await system.begin()
    in_transaction, stored = system.store.in_transaction, asyncio.Event()

    async def committing(work: Any) -> Any:
        # Its session is stored after the sessions were looked up, and its device was looked at.
        if not stored.is_set():
            stored.set()
            await system.begin(key=key_of(begun))
        return await in_transaction(work)

    system.store.in_transaction = committing  # type: ignore[method-assign]
    revoked = await disable(system, begun)
    assert {each.ended_by for each in system.store.kept.values()} == {"device-disabled"}
    assert len(system.epochs.revocations[revoked.receipt].sessions) == 2


async def test_what_a_crash_has_left_open_is_worked_off(system: System) -> None:
    begun = await system.begin()
    to_end = system.store.to_end

    async def dying(ending: Ending, *, limit: int) -> Any:
        if system.epochs.revocations:
            raise ConnectionError
        return await to_end(ending, limit=limit)

    system.store.to_end = dying  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        await disable(system, begun)
    system.store.to_end = to_end  # type: ignore[method-assign]
    system.clock.advance(3)
    await system.revocations.reconcile()
    (receipt,) = system.epochs.revocations.values()
    assert receipt.completed_at is not None
    assert [each.sid for each in receipt.sessions] == [begun.session.sid]


async def test_a_receipt_of_a_device_stands_among_the_others_and_explains_no_raise(
    system: System,
) -> None:
    early = await system.begin()
    await system.sign_out_everywhere()
    here = await system.begin(epoch=2)
    await disable(system, here)
    await system.sign_out_everywhere()
    with pytest.raises(SessionIsRevoked) as refused:
        await system.accept(early)
    assert refused.value.extra == {"cause": "signed-out-everywhere"}
    first = await system.receipts.list(ListReceipts(sub="ada", limit=2))
    rest = await system.receipts.list(ListReceipts(sub="ada", limit=2, after=first.next))
    causes = [each.cause for each in (*first.items, *rest.items)]
    assert causes == ["signed-out-everywhere", "device-disabled", "signed-out-everywhere"]
    hers = await system.sign_out_everywhere("eve")
    with pytest.raises(UnknownCursor):
        await system.receipts.list(ListReceipts(sub="ada", after=hers.receipt))


async def test_devices_are_listed_in_the_order_of_their_use_without_the_disabled(
    system: System,
) -> None:
    begun = []
    for _ in range(3):
        begun.append(await system.begin())
        system.clock.advance(60)
    await system.begin("eve")
    await system.begin(key=key_of(begun[0]))
    first = await system.devices.list(ListDevices(sub="ada", limit=2))
    rest = await system.devices.list(ListDevices(sub="ada", limit=2, after=first.next))
    ids = [each.device.id for each in begun]
    assert [each.id for each in (*first.items, *rest.items)] == [ids[0], ids[2], ids[1]]
    assert first.items[0].user_agent == "Browser/1"
    assert first.items[0].first_seen_at < first.items[0].last_seen_at
    await disable(system, begun[2])
    left = await system.devices.list(ListDevices(sub="ada"))
    everything = await system.devices.list(ListDevices(sub="ada", with_disabled=True))
    assert [each.id for each in left.items] == [ids[0], ids[1]]
    assert [each.disabled_at is None for each in everything.items] == [True, False, True]


async def test_using_a_session_is_using_its_device(system: System) -> None:
    begun = await system.begin()
    system.clock.advance(120)
    await system.accept(begun)
    (listed,) = (await system.devices.list(ListDevices(sub="ada"))).items
    assert (listed.last_seen_at - listed.first_seen_at).total_seconds() == 120
    assert listed.user_agent == "Browser/1"


async def test_an_admin_enables_a_device_as_it_was_but_without_trust(system: System) -> None:
    begun = await system.begin(factor="phone")
    terms = TrustTerms(days=30, version=1)
    await system.store.trust_device(begun.device.id, terms, epoch=1, factor="phone")
    await disable(system, begun)
    # What a sign-in that was faster says afterwards is heard no more.
    await system.store.trust_device(begun.device.id, terms, epoch=1, factor="phone")
    found = await system.devices.find(FindDevice(device_id=begun.device.id))
    assert found.sub == "ada"
    enable = EnableDevice(sub="ada", device_id=begun.device.id, by=BY)
    for sub in ("eve", "ada", "ada"):
        await system.disabling.enable(enable.model_copy(update={"sub": sub}))
    (audited,) = told(system, Audited)
    assert (audited.subject, audited.payload.action) == ("ada", "enable-device")
    assert audited.payload.details == {"device": begun.device.id}
    again = await system.begin(key=key_of(begun))
    assert again.device.id == begun.device.id
    (listed,) = (await system.devices.list(ListDevices(sub="ada"))).items
    assert (listed.disabled_at, listed.trust) == (None, None)
    with pytest.raises(NoSuchDevice):
        await system.devices.find(FindDevice(device_id="no-such-device"))


async def test_one_transaction_disables_a_device_and_does_something_else(system: System) -> None:
    begun, there = await system.begin(), await system.begin()

    async def work(tx: Any) -> bool:
        raised = await tx.raise_epoch("ada", "signed-out-everywhere")
        return await system.disabling.disable_in(tx, "ada", begun.device.id, receipt=raised.receipt)

    assert await system.store.in_transaction(work)
    assert not await system.store.in_transaction(work)
    for ended in (begun, there):
        with pytest.raises(SessionIsRevoked):
            await system.accept(ended)
    (disabled,) = told(system, DeviceDisabled)
    assert disabled.payload.receipt == "receipt-1"


async def test_a_new_device_is_told_of_but_not_the_first(system: System) -> None:
    await system.begin()
    await system.begin("eve")
    await system.devices.tell_new()
    assert told(system, NewDevices) == []
    new = await system.begin()
    await system.begin(key=key_of(new))
    for _ in range(2):
        await system.devices.tell_new()
    (event,) = told(system, NewDevices)
    assert (event.subject, event.payload.devices) == ("ada", (new.device.id,))


async def test_devices_that_are_new_in_a_row_are_told_of_together(system: System) -> None:
    for _ in range(2):
        await system.begin()
    await system.devices.tell_new()
    later = [await system.begin() for _ in range(2)]
    await system.devices.tell_new()
    assert len(told(system, NewDevices)) == 1
    system.clock.advance(TellAgainSeconds)
    await system.devices.tell_new()
    assert told(system, NewDevices)[1].payload.devices == tuple(each.device.id for each in later)
