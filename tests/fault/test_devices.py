"""A device that is disabled is refused from then on: when the service dies, in a race, alone."""

import asyncio
from dataclasses import dataclass, field
from time import monotonic

import pytest

from tests.fault.oracle import Oracle
from tests.fault.portal import GATEWAYS, Portal, Reply, User, becomes

_HEARD_SECONDS = 0.5


@dataclass
class Owner:
    """Somebody with a device that is to be disabled, and a session on another one."""

    portal: Portal
    oracle: Oracle
    user: User
    device: dict[str, str]
    on_it: list[str] = field(default_factory=list)

    @classmethod
    async def one(cls, portal: Portal, oracle: Oracle) -> "Owner":
        """Return one who has two sessions on the device."""
        (user,) = await portal.people(1, sessions=1)
        first = (await portal.sign_in(user)).body
        made = cls(portal, oracle, user, first["device"], [first["token"]])
        assert (await made.sign_in()).status == 200
        # What tells of the new device commits too, and is not what a test wants to hit.
        untold = {"sub": user.sub, "tell_at": {"$exists": True}}
        devices = oracle.mongo["sessions"]["devices"]

        async def is_told() -> bool:
            return await devices.count_documents(untold) == 0

        assert await becomes(is_told, seconds=10)
        # It is seen before the service itself hears that it is committed.
        await asyncio.sleep(_HEARD_SECONDS)
        return made

    async def sign_in(self) -> Reply:
        """Try to sign in on the device."""
        body = {"user_id": self.user.user_id, "password": self.user.password}
        asked = {**body, "device_key": self.device["key"]}
        reply = await self.portal.ask("POST", "/sign-in", asked, user=self.user)
        if reply.status == 200:
            self.on_it.append(reply.body["token"])
        return reply

    async def disable(self) -> Reply:
        path = f"/me/devices/{self.device['id']}/disable"
        return await self.portal.ask(
            "POST", path, {"confirm": True}, token=self.user.tokens[0], user=self.user
        )

    async def disable_at_last(self) -> Reply:
        """Disable it as somebody who comes back for as long as nothing has come of it.

        What a dead service had begun is kept from others for a few seconds more.
        """
        last = monotonic() + 30
        reply = await self.disable()
        while reply.status == 503 and monotonic() < last:
            await asyncio.sleep(0.25)
            reply = await self.disable()
        return reply

    async def is_wholly_disabled(self) -> None:
        """Assert that everything that a disabling promises has come to be, once."""
        assert await becomes(self._is_complete, seconds=20)
        (receipt,) = await self.oracle.receipts_of(self.user)
        assert receipt["cause"] == "device-disabled"
        ended = {token.split(".")[1] for token in self.on_it}
        assert {each["sid"] for each in receipt["sessions"]} == ended
        for gateway in GATEWAYS:
            for token in self.on_it:
                assert (await self.portal.show(token, gateway=gateway)).status == 401
            (there,) = {
                (await self.portal.show(each, gateway=gateway, probe=0)).status
                for each in self.user.tokens[:1]
            }
            assert there == 200
        assert (await self.sign_in()).body["type"] == "/problems/device-disabled"
        await self._is_mailed_once(receipt["_id"])

    async def _is_mailed_once(self, receipt: str) -> None:
        def told() -> int:
            return sum(receipt in message_id for _, message_id in self.oracle.mails())

        assert await becomes(lambda: told() == 1, seconds=40)

    async def _is_complete(self) -> bool:
        found = await self.oracle.receipts_of(self.user)
        return len(found) == 1 and found[0]["completed_at"] is not None


@pytest.mark.parametrize("point", ["before-commit", "after-commit", "before-settle"])
async def test_a_device_is_disabled_wholly_or_not_at_all_when_the_service_dies(
    portal: Portal, oracle: Oracle, point: str
) -> None:
    kim = await Owner.one(portal, oracle)
    portal.stack.points["sessions"].arm(point)
    assert (await kim.disable()).status == 503
    await portal.whole()
    # It is not found any more where it went through.
    again = await kim.disable_at_last()
    assert again.status == (202 if point == "before-commit" else 404), again
    await kim.is_wholly_disabled()


async def test_of_many_sign_ins_on_a_device_none_stays_open_when_it_is_disabled(
    portal: Portal, oracle: Oracle
) -> None:
    for _ in range(3):
        kim = await Owner.one(portal, oracle)
        early, late = (asyncio.gather(*(kim.sign_in() for _ in range(8))) for _ in range(2))
        disabled, *rounds = await asyncio.gather(kim.disable(), early, late)
        assert disabled.status == 202, disabled
        for token in kim.on_it:
            assert (await portal.show(token)).status == 401
        for reply in (reply for replies in rounds for reply in replies):
            assert reply.status == 200 or reply.body["type"] == "/problems/device-disabled", reply
        open_still = oracle.mongo["sessions"]["sessions"].find(
            {"device_id": kim.device["id"], "ended_by": None}
        )
        assert await open_still.to_list() == []


async def test_a_device_is_refused_though_redis_cannot_be_told(
    portal: Portal, oracle: Oracle
) -> None:
    kim = await Owner.one(portal, oracle)
    for token in kim.on_it:
        for gateway in GATEWAYS:
            assert (await portal.show(token, gateway=gateway)).status in {200, 422}
    portal.stack.link("sessions", "redis").cut()
    disabled = await kim.disable()
    assert disabled.status == 202, disabled
    for token in kim.on_it:
        for gateway in GATEWAYS:
            assert (await portal.show(token, gateway=gateway)).status == 401
    portal.stack.link("sessions", "redis").heal()
    await kim.is_wholly_disabled()
