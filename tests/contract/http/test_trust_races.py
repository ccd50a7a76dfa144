"""Trust in a device that ends while somebody signs in with it."""

import asyncio
from dataclasses import dataclass, replace

import pytest
from pydantic import BaseModel, SecretStr

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.peer import Peer
from services.gateway.clients.sessions import SessionsClient
from services.gateway.model import Challenged
from tests.contract.http.gateway import NEW, OLD, refused
from tests.contract.http.services import KEY
from tests.contract.http.test_security_info import Kim
from tests.contract.http.trusting import Trusting, allow, trusting


@dataclass(frozen=True)
class Counting(Peer):
    """Takes note of what is asked."""

    asked: list[str]

    async def ask_raw(self, path: str, body: BaseModel, *, safe: bool = False) -> bytes:
        self.asked.append(path)
        return await super().ask_raw(path, body, safe=safe)


@pytest.fixture
async def trusted(kim: Kim) -> Trusting:
    await allow(kim.gateway)
    return await trusting(kim, await kim.authenticator(await kim.gateway.caller("kim")))


async def test_a_password_that_changes_after_the_device_is_recognised_ends_it(
    trusted: Trusting,
) -> None:
    caller, account = await trusted.caller(), trusted.gateway.account

    async def change() -> None:
        await account.change_password(caller, old=SecretStr(OLD), new=SecretStr(NEW))

    outcome = await trusted.meanwhile(NEW, recognised=change)
    assert isinstance(outcome, Challenged)


@pytest.mark.parametrize("when", ["recognised", "verified"])
async def test_what_is_forgotten_during_a_sign_in_signs_nobody_in(
    trusted: Trusting, when: str
) -> None:
    caller = await trusted.caller()

    async def forget() -> None:
        await trusted.gateway.trust.forget(caller)

    if when == "recognised":
        signing_in = trusted.meanwhile(recognised=forget)
    else:
        signing_in = trusted.meanwhile(verified=forget)
    assert (await refused(signing_in)).type == "sign-in-refused"
    assert await trusted.is_asked()


async def test_a_factor_that_goes_during_a_sign_in_signs_nobody_in(trusted: Trusting) -> None:
    caller = await trusted.caller()
    await trusted.kim.authenticator(caller, "Tablet")

    async def remove() -> None:
        await trusted.gateway.security_info.remove(caller, trusted.setup.id)

    assert (await refused(trusted.meanwhile(verified=remove))).type == "sign-in-refused"
    open_now = trusted.gateway.services.memory.sessions.kept.values()
    assert [each for each in open_now if each.ended_by is None and each.session.aal == 1] == []


async def test_a_factor_that_goes_after_the_device_is_recognised_is_asked_instead(
    trusted: Trusting,
) -> None:
    caller = await trusted.caller()
    await trusted.kim.authenticator(caller, "Tablet")

    async def remove() -> None:
        await trusted.gateway.security_info.remove(caller, trusted.setup.id)

    assert isinstance(await trusted.meanwhile(recognised=remove), Challenged)


async def test_many_sign_ins_at_once_are_each_let_through(trusted: Trusting) -> None:
    asked = await asyncio.gather(*(trusted.is_asked() for _ in range(10)))
    assert not any(asked)


async def test_sign_ins_racing_the_forgetting_are_let_through_before_or_not_at_all(
    trusted: Trusting,
) -> None:
    caller = await trusted.caller()
    before = [asyncio.ensure_future(trusted.is_asked()) for _ in range(10)]
    await trusted.gateway.trust.forget(caller)
    assert await trusted.is_asked()
    await asyncio.gather(*before, return_exceptions=True)
    assert not await trusted.gateway.trust.is_any(caller)


async def test_a_trusted_device_takes_no_call_more(trusted: Trusting) -> None:
    """The trust comes with the owner of the device, and the terms with the password."""
    asked: list[str] = []
    services = trusted.gateway.services
    sessions, credentials = (
        Counting(services.session, services.urls[name], KEY, asked)
        for name in ("sessions", "credentials")
    )
    trusted.gateway.sign_in = replace(
        trusted.gateway.sign_in,
        sessions=SessionsClient(sessions),
        credentials=CredentialsClient(credentials),
    )
    assert not await trusted.is_asked()
    assert asked == ["/devices/recognise", "/password/verify", "/sessions/establish"]
