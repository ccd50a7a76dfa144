"""Wrong guesses are counted to the end, however they come and whatever is forgotten meanwhile."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pyotp
import pytest

from services.credentials.model import ACCOUNT
from tests.e2e.portal import code_before
from tests.fault.ordeal import flush
from tests.fault.portal import Portal, Reply, User, WoundableStack, fresh_password

Loss = Callable[[WoundableStack], None]


def restart(stack: WoundableStack) -> None:
    """Kill Redis, which comes back empty."""
    stack.kill("redis")
    stack.wait_ready("redis")


def lose(stack: WoundableStack) -> None:
    """Kill Redis for as long as the test lasts."""
    stack.kill("redis", for_good=True)


def freeze(stack: WoundableStack) -> None:
    """Let Redis keep what it knows and hear of nothing more."""
    stack.stop("redis")


def begin_anew(stack: WoundableStack) -> None:
    """Kill the service that counts, which comes back and knows nothing of its own."""
    stack.kill("credentials")
    stack.wait_ready("credentials")


LOSSES = (flush, restart, lose, freeze, begin_anew)
AT_ONCE = 200
FLOWS = 20


@pytest.mark.asvs("6.3.1")
@pytest.mark.parametrize("loss", LOSSES)
async def test_the_tenth_wrong_password_locks_whatever_became_of_redis_before_it(
    portal: Portal, loss: Loss
) -> None:
    (user,) = await portal.people(1, sessions=0)
    await _guess_wrong(portal, user, times=ACCOUNT.failures - 1)
    await asyncio.to_thread(loss, portal.stack)
    await _guess_wrong(portal, user, times=1)
    await _assert_locked(portal, user)
    await asyncio.to_thread(portal.stack.recover)
    await _assert_locked(portal, user)


@pytest.mark.asvs("6.3.1")
@pytest.mark.parametrize("loss", LOSSES)
async def test_a_locked_account_stays_locked_whatever_becomes_of_redis(
    portal: Portal, loss: Loss
) -> None:
    (user,) = await portal.people(1, sessions=0)
    await _guess_wrong(portal, user, times=ACCOUNT.failures)
    await _assert_locked(portal, user)
    await asyncio.to_thread(loss, portal.stack)
    await _assert_locked(portal, user)
    await asyncio.to_thread(portal.stack.recover)
    await _assert_locked(portal, user)


@pytest.mark.asvs("6.3.1")
async def test_of_two_hundred_passwords_from_everywhere_at_once_ten_are_tried(
    portal: Portal,
) -> None:
    user, key = await _at_their_device(portal)

    def guess(number: int, spelling: str) -> dict[str, str]:
        return {"user_id": spelling, "password": f"{number} {fresh_password()}"}

    spellings = _spellings(user.user_id)
    attack = asyncio.gather(
        *(
            portal.ask("POST", "/sign-in", guess(number, next(spellings)), user=each)
            for number, each in enumerate(_elsewhere(user, AT_ONCE))
        )
    )
    own = await _begin(portal, user, device_key=key)
    _assert_ten_were_tried(await attack, status=401)
    assert own.status == 200, own
    await _assert_locked(portal, user)
    for loss in (flush, begin_anew):
        await asyncio.to_thread(loss, portal.stack)
        await _assert_locked(portal, user)
    assert (await _begin(portal, user, device_key=key)).status == 200


@pytest.mark.asvs("6.3.1")
async def test_of_two_hundred_codes_in_many_challenges_at_once_ten_are_tried(
    portal: Portal,
) -> None:
    user, key = await _at_their_device(portal)
    totp = await authenticator(portal, user)
    # Whoever guesses knows the password already, and begins as many challenges as they like.
    spellings = _spellings(user.user_id)
    begun = await portal.all(
        _challenge(portal, replace(each, user_id=next(spellings)))
        for each in _elsewhere(user, FLOWS)
    )
    own = await _challenge(portal, user, device_key=key)
    now = int(time.time())
    right = {totp.at(now + seconds) for seconds in range(-60, 91, 30)}
    wrong = [code for number in range(AT_ONCE + 9) if (code := f"{number:06}") not in right]
    attack = asyncio.gather(
        *(begun[number % FLOWS].answer(portal, wrong[number]) for number in range(AT_ONCE))
    )
    mine = await _answered_in_time(portal, own, totp)
    _assert_ten_were_tried(await attack, status=403)
    assert mine.status == 200, mine
    for loss in (None, flush, begin_anew):
        if loss is not None:
            await asyncio.to_thread(loss, portal.stack)
        # A flow is gone with Redis, and another one is begun with the password.
        flow = await _challenge(portal, next(_elsewhere(user, 1)))
        refused = await flow.answer(portal, totp.at(int(time.time()) + 30))
        assert refused.status == 429, refused


@dataclass(frozen=True)
class Challenge:
    """A sign-in that waits for a code, and from where it was begun."""

    user: User
    flow: str

    async def answer(self, portal: Portal, code: str) -> Reply:
        path = f"/sign-in/{self.flow}/answer"
        return await portal.ask("POST", path, {"code": code}, user=self.user)


async def _answered_in_time(portal: Portal, own: Challenge, totp: pyotp.TOTP) -> Reply:
    """Answer; amid so many a service may be found away, and people come back as they are told."""
    for _ in range(5):
        reply = await own.answer(portal, totp.now())
        if reply.status != 503:
            break
        await asyncio.sleep(float(reply.headers["Retry-After"]))
    return reply


async def _challenge(portal: Portal, user: User, **more: str) -> Challenge:
    for _ in range(10):
        reply = await _begin(portal, user, **more)
        if reply.status != 503:
            break
        # So many right passwords at once may find the hashes busy, and come back as they are told.
        await asyncio.sleep(float(reply.headers["Retry-After"]))
    assert reply.body["state"] == "challenge", reply
    return Challenge(user, reply.body["flow"])


async def authenticator(portal: Portal, user: User) -> pyotp.TOTP:
    """Set an authenticator up by the code before its present one."""
    (token,) = user.tokens
    body = {"kind": "authenticator", "label": "Phone"}
    made = (await portal.ask("POST", "/me/methods", body, token=token)).body
    secret = made["setup"]["secret"]
    code = await asyncio.to_thread(code_before, secret)
    path = f"/me/methods/{made['id']}/prove"
    proved = await portal.ask("POST", path, {"code": code}, token=token)
    assert proved.status == 200, proved
    return pyotp.TOTP(secret)


async def _at_their_device(portal: Portal) -> tuple[User, str]:
    """Return somebody who has signed in, and the key of the device that they did it on."""
    (user,) = await portal.people(1, sessions=0)
    return user, (await portal.sign_in(user)).body["device"]["key"]


async def _begin(portal: Portal, user: User, **more: str) -> Reply:
    body = {"user_id": user.user_id, "password": user.password, **more}
    return await portal.ask("POST", "/sign-in", body, user=user)


def _elsewhere(user: User, number: int) -> Iterator[User]:
    """Return the user as somebody from so many other addresses writes their name."""
    return (replace(user, address=f"198.51.100.{each}", tokens=[]) for each in range(number))


def _spellings(user_id: str) -> Iterator[str]:
    """Return a user ID in ever another letter case, width and spaces."""
    number = 0
    while True:
        letters = enumerate(user_id)
        yield [
            "".join(c.upper() if (number >> i % 12) & 1 else c for i, c in letters),
            f" {user_id}\u00a0",
            "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in user_id),
        ][number % 3]
        number += 1


def _assert_ten_were_tried(replies: list[Reply], *, status: int) -> None:
    counted = Counter(reply.status for reply in replies)
    assert counted[status] == ACCOUNT.failures, counted
    assert set(counted) <= {status, 429, 503}, counted


async def _guess_wrong(portal: Portal, user: User, *, times: int) -> None:
    for _ in range(times):
        assert (await portal.sign_in(user, fresh_password())).status == 401


async def _assert_locked(portal: Portal, user: User) -> None:
    reply = await portal.sign_in(user)
    assert reply.status == 429, reply
    assert reply.body["type"] == "/problems/sign-in-throttled"
    assert 0 < int(reply.headers["Retry-After"]) <= ACCOUNT.first_lock_seconds
