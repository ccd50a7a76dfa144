"""What a second factor adds: to a sign-in, and to the list of one's methods."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from pydantic import SecretStr
from pymongo import AsyncMongoClient
from pyotp import TOTP, random_base32

from services.credentials.totp import StepSeconds
from shared.contracts.methods import EnrollAuthenticator, ProveMethod
from shared.contracts.sessions import EstablishSession, Where
from tests.bench.figures import Bar, Figure, Section, percentile, ratio
from tests.bench.ground import Ground
from tests.bench.people import ADDRESS, Account, gathered

METHODS = 60
_WARM = 5
_LEAST_LEFT_SECONDS = 2.0


@dataclass(frozen=True)
class Guarded:
    """Somebody with an authenticator, and the secret in it."""

    account: Account
    secret: str


@dataclass(frozen=True)
class Browser:
    """One connection that asks for one thing after the other, and says how long each took."""

    http: aiohttp.ClientSession
    url: str

    async def signs_in(self, account: Account) -> float:
        """Sign in with the password alone; return milliseconds."""
        begun = time.perf_counter()
        await self._begin(account, "complete")
        return (time.perf_counter() - begun) * 1000

    async def signs_in_with_both(self, guarded: Guarded) -> float:
        """Sign in with the password and the code that is shown now at once; return milliseconds."""
        begun = time.perf_counter()
        await self._begin(guarded.account, "complete", code=TOTP(guarded.secret).now())
        return (time.perf_counter() - begun) * 1000

    async def signs_in_with_code(self, guarded: Guarded) -> float:
        """Sign in with the password, and then with the code; return milliseconds."""
        begun = time.perf_counter()
        waiting = await self._begin(guarded.account, "challenge")
        body = {"code": TOTP(guarded.secret).now()}
        await self._post(f"/sign-in/{waiting['flow']}/answer", body, "complete")
        return (time.perf_counter() - begun) * 1000

    async def lists_methods(self, token: str, count: int) -> float:
        """List one's methods; return milliseconds."""
        begun = time.perf_counter()
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http.get(f"{self.url}/me/methods", headers=headers) as answer:
            listed = await answer.json()
        took = (time.perf_counter() - begun) * 1000
        if len(listed["items"]) != count:
            raise RuntimeError(listed)
        return took

    async def _begin(self, account: Account, state: str, **more: str) -> dict[str, Any]:
        body = {"user_id": account.user_id, "password": account.password, **more}
        return await self._post("/sign-in", body, state)

    async def _post(self, path: str, body: dict[str, str], state: str) -> dict[str, Any]:
        async with self.http.post(f"{self.url}{path}", json=body) as answer:
            said: dict[str, Any] = await answer.json()
        if said.get("state") != state:
            raise RuntimeError(said)
        return said


async def measure(ground: Ground) -> Section:
    """Measure both, each in turn with what it is compared to."""
    scale = ground.scale
    # A code is good for one sign-in, so everybody signs in once, those without one too: who was
    # here a moment ago is known to the counters of guesses, and costs less.
    count = scale.repeats * scale.factor_sign_ins_per_repeat + _WARM
    unguarded = await ground.clients.accounts(count, prefix="unguarded")
    people = await ground.clients.accounts(2 * count, prefix="guarded")
    guarded = await gathered([_with_authenticator(ground, each) for each in people])
    tokens = await _listing(ground)
    await ground.everybody_told()
    alone: list[list[float]] = []
    at_once: list[list[float]] = []
    after: list[list[float]] = []
    few: list[list[float]] = []
    many: list[list[float]] = []
    async with aiohttp.ClientSession() as http:
        browser = Browser(http, f"{ground.url}/api/v1")
        await _sign_ins(browser, unguarded[:_WARM], guarded[: 2 * _WARM])
        for repeat in range(scale.repeats):
            first = _WARM + repeat * scale.factor_sign_ins_per_repeat
            turn = slice(first, first + scale.factor_sign_ins_per_repeat)
            both = slice(2 * turn.start, 2 * turn.stop)
            times = await _sign_ins(browser, unguarded[turn], guarded[both])
            alone.append(times[0])
            at_once.append(times[1])
            after.append(times[2])
            lists = await _lists(browser, tokens, scale.lists_per_repeat)
            few.append(lists[0])
            many.append(lists[1])
    return _section((at_once, alone), (after, alone), (many, few))


async def _sign_ins(
    browser: Browser, accounts: list[Account], guarded: list[Guarded]
) -> tuple[list[float], list[float], list[float]]:
    alone: list[float] = []
    at_once: list[float] = []
    after: list[float] = []
    for number, account in enumerate(accounts):
        alone.append(await browser.signs_in(account))
        at_once.append(await browser.signs_in_with_both(guarded[2 * number]))
        after.append(await browser.signs_in_with_code(guarded[2 * number + 1]))
    return alone, at_once, after


async def _lists(
    browser: Browser, tokens: tuple[str, str], count: int
) -> tuple[list[float], list[float]]:
    few: list[float] = []
    many: list[float] = []
    for _ in range(count):
        few.append(await browser.lists_methods(tokens[0], 0))
        many.append(await browser.lists_methods(tokens[1], METHODS))
    return few, many


async def _with_authenticator(ground: Ground, account: Account) -> Guarded:
    """Set one up by the code of the step before, so that the present one is left to use."""
    secret = random_base32()
    credentials = ground.clients.credentials
    setup = await credentials.enroll_authenticator(
        EnrollAuthenticator(
            sub=account.sub,
            label="Phone",
            issuer="Benchmark Works",
            account=account.user_id,
            secret=SecretStr(secret),
        )
    )
    # A code of two steps ago would be refused.
    if (left := StepSeconds - time.time() % StepSeconds) < _LEAST_LEFT_SECONDS:
        await asyncio.sleep(left)
    code = TOTP(secret).at(int(time.time()) - StepSeconds)
    await credentials.prove(
        ProveMethod(
            sub=account.sub, id=setup.id, answer=SecretStr(code), address=ADDRESS, sid="benchmark"
        )
    )
    return Guarded(account, secret)


async def _listing(ground: Ground) -> tuple[str, str]:
    """Return the sessions of somebody without methods, and of somebody with a great many.

    The API would not take so many, so they are written where they are kept.
    """
    nobody, somebody = await ground.clients.accounts(2, prefix="listing")
    async with AsyncMongoClient[dict[str, Any]](ground.stack.mongo_url) as client:
        await client["credentials"]["security_info"].insert_one(
            {
                "_id": somebody.sub,
                "version": 1,
                "default": "method-0",
                "methods": [_method(number) for number in range(METHODS)],
            }
        )
    (token,) = await ground.clients.tokens(nobody, 1)
    established = await ground.clients.sessions.establish(
        EstablishSession(
            sub=somebody.sub,
            epoch=1,
            where=Where(address=ADDRESS, user_agent="benchmark"),
            amr=("pwd", "otp"),
            aal=2,
            factor="method-0",
        )
    )
    return token, established.token


def _method(number: int) -> dict[str, Any]:
    return {
        "id": f"method-{number}",
        "kind": "authenticator",
        "label": f"Phone {number}",
        "created_at": datetime.now(UTC),
        "proved": True,
        "sealed": b"sealed under a key that nobody needs for a list",
        "last_step": number,
        "codes": [],
    }


Times = tuple[list[list[float]], list[list[float]]]


def _section(at_once: Times, after: Times, lists: Times) -> Section:
    bare = "bare: with the password alone"
    together = _p50(f"sign-in with password and code in one request, p50; {bare}", at_once)
    challenged = _p50(f"sign-in with the password, then the code, p50; {bare}", after)
    listed = _p50(f"list of {METHODS} methods, p50; bare: of none", lists)
    return Section(
        "Second factors",
        "One request at a time, over the API, each in turn with what it is compared to. The code "
        "of an authenticator comes with the password, or answers the challenge in a second "
        "request.",
        (together, challenged, listed),
        (
            Bar("password and code in one request", ratio(together.ours, together.bare), 1.15),
            Bar("the password, then the code", ratio(challenged.ours, challenged.bare), 1.15),
            Bar(f"a list of {METHODS} methods", ratio(listed.ours, listed.bare), 1.5),
        ),
    )


def _p50(what: str, times: Times) -> Figure:
    ours, bare = (tuple(percentile(each, 50) for each in side) for side in times)
    return Figure(what, "ms", ours, bare)
