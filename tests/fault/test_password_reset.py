"""A reset holds as a change does: when a service dies, when two race, and while mail is away."""

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from time import monotonic

import pytest

from tests.e2e.portal import code_in
from tests.fault.oracle import Oracle
from tests.fault.portal import GATEWAYS, Portal, Reply, User, becomes, fresh_password


@dataclass
class Forgetful:
    """Somebody who has forgotten their password, and where codes are sent to."""

    portal: Portal
    oracle: Oracle
    user: User
    proof: str

    @classmethod
    async def one(cls, portal: Portal, oracle: Oracle, **more: str) -> "Forgetful":
        """Return one who has never been there, with two sessions."""
        (user,) = await portal.people(1, sessions=2, **more)
        proof = f"{secrets.token_hex(6)}@proof.example"
        await portal.let_reset(user, proof)
        return cls(portal, oracle, user, proof)

    async def ask(self, method: str, path: str, body: object = None) -> Reply:
        return await self.portal.ask(method, f"/password-reset{path}", body, user=self.user)

    async def proved(self) -> str:
        """Begin a reset and show the code; return what opens it."""
        flow = str((await self.ask("POST", "", {"user_id": self.user.user_id})).body["flow"])
        (method,) = (await self.ask("GET", f"/{flow}")).body["methods"]
        seen = len(self._codes())
        assert (await self.ask("POST", f"/{flow}/method", {"id": method["id"]})).status == 200
        assert await becomes(lambda: len(self._codes()) > seen, seconds=20)
        shown = await self.ask("POST", f"/{flow}/answer", {"code": self._codes()[-1]})
        assert shown.body["state"] == "new-password", shown
        return flow

    async def finish(self, flow: str, password: str) -> Reply:
        return await self.ask("POST", f"/{flow}/password", {"new_password": password})

    async def finish_at_last(self, flow: str, password: str) -> None:
        """Finish as somebody who comes back for as long as nothing has come of it."""
        last = monotonic() + 30
        while await self.state(flow) == "new-password" and monotonic() < last:
            if (await self.finish(flow, password)).status == 503:
                await asyncio.sleep(0.25)

    async def state(self, flow: str) -> str:
        return str((await self.ask("GET", f"/{flow}")).body["state"])

    async def is_wholly_reset(self, password: str) -> None:
        """Assert that everything that a reset promises has come to be, once."""
        user, old = self.user, list(self.user.tokens)
        (receipt,) = await self.oracle.receipts_of(user)
        assert receipt["cause"] == "password-reset"
        assert await becomes(self._is_complete, seconds=20)
        assert not await self.oracle.open_and_older([user.sub])
        for token in old:
            for gateway in GATEWAYS:
                assert (await self.portal.show(token, gateway=gateway)).status == 401
        assert (await self.portal.sign_in(user)).status == 401
        assert (await self.portal.sign_in(user, password)).status == 200
        await self.is_mailed(receipt["_id"], [user.email, self.proof])

    async def is_mailed(self, receipt: str, addresses: list[str]) -> None:
        """Assert that each of these addresses is told of the receipt, once."""
        owed = Counter(addresses)

        def told() -> Counter[str]:
            return Counter(to for to, message_id in self.oracle.mails() if receipt in message_id)

        assert await becomes(lambda: told() == owed, seconds=40), told()

    async def _is_complete(self) -> bool:
        (receipt,) = await self.oracle.receipts_of(self.user)
        return receipt["completed_at"] is not None

    def _codes(self) -> list[str]:
        files = sorted(
            Path(self.portal.stack.maildir, "new").iterdir(), key=lambda each: each.stat().st_mtime
        )
        mails = (message_from_bytes(each.read_bytes(), policy=policy.default) for each in files)
        texts = (each.get_content() for each in mails if each["Delivered-To"] == self.proof)
        return [code_in(text) for text in texts if "code" in text]


@pytest.mark.parametrize("point", ["before-commit", "after-commit", "before-settle"])
async def test_a_reset_is_done_wholly_or_not_at_all_when_the_service_dies(
    portal: Portal, oracle: Oracle, point: str
) -> None:
    kim = await Forgetful.one(portal, oracle)
    flow, password = await kim.proved(), fresh_password()
    portal.stack.points["credentials"].arm(point)
    assert (await kim.finish(flow, password)).status == 503
    await portal.whole()
    if await kim.state(flow) == "new-password":
        assert (await portal.sign_in(kim.user)).status == 200
        # What the dead service had begun is kept from others for a few seconds more.
        await kim.finish_at_last(flow, password)
    assert await kim.state(flow) == "done"
    await kim.is_wholly_reset(password)


async def test_a_reset_that_is_sent_twice_is_done_once(portal: Portal, oracle: Oracle) -> None:
    kim = await Forgetful.one(portal, oracle)
    flow, password = await kim.proved(), fresh_password()
    both = await asyncio.gather(*(kim.finish(flow, password) for _ in range(2)))
    assert sorted(each.status for each in both) in ([200, 409], [200, 410])
    await kim.is_wholly_reset(password)


async def test_of_two_resets_at_once_one_is_done_and_the_other_is_over(
    portal: Portal, oracle: Oracle
) -> None:
    kim = await Forgetful.one(portal, oracle)
    flows = [await kim.proved() for _ in range(2)]
    # The second proof was a change of the methods, so the first reset is over by it already.
    assert (await kim.ask("GET", f"/{flows[0]}")).status == 410
    password = fresh_password()
    both = await asyncio.gather(*(kim.finish(each, password) for each in flows))
    assert [each.status for each in both] == [410, 200]
    await kim.is_wholly_reset(password)


async def test_of_a_reset_and_a_change_at_once_one_wins(portal: Portal, oracle: Oracle) -> None:
    for _ in range(4):
        kim = await Forgetful.one(portal, oracle)
        flow, password = await kim.proved(), fresh_password()
        done, change = await asyncio.gather(kim.finish(flow, password), portal.change(kim.user))
        assert (done.status == 200) != (change.answered is not None), (done, change)
        (receipt,) = await oracle.receipts_of(kim.user)
        won = change.new_password if change.answered else password
        assert receipt["cause"] == ("password-changed" if change.answered else "password-reset")
        assert (await portal.sign_in(kim.user, won)).status == 200


async def test_mails_of_a_reset_wait_for_their_server_and_go_out_once(
    portal: Portal, oracle: Oracle
) -> None:
    kim = await Forgetful.one(portal, oracle)
    flow, password = await kim.proved(), fresh_password()
    portal.stack.kill("mailbox", for_good=True)
    assert (await kim.finish(flow, password)).status == 200
    await asyncio.sleep(2)
    portal.stack.start("mailbox")
    await portal.servers_up()
    await kim.is_wholly_reset(password)


async def test_an_address_that_is_refused_keeps_no_other_from_being_told(
    portal: Portal, oracle: Oracle
) -> None:
    kim = await Forgetful.one(portal, oracle, mail_to="refused@fault.example")
    done = await kim.finish(await kim.proved(), fresh_password())
    assert done.status == 200
    await kim.is_mailed(done.body["receipt"], [kim.proof])
