"""What a second factor adds to a sign-in, and what many methods add to listing them."""

import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pyotp
from pydantic import SecretStr
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection

from shared.contracts.methods import EnrollAuthenticator, ProveMethod
from shared.contracts.sessions import EstablishSession, Where
from tests.bench.figures import Bar, Figure, Section, percentile, ratio
from tests.bench.ground import Ground
from tests.bench.people import ADDRESS, Account

PEOPLE = 10
FIRST = 9000
"""The people here have numbers of their own: everybody else signs in without a second factor."""
METHODS = 60
_WARM = 20
_STEP_SECONDS = 30
_OK = 200

Methods = AsyncCollection[dict[str, Any]]


@dataclass(frozen=True)
class Guarded:
    """Somebody with an authenticator."""

    account: Account
    method: str
    totp: pyotp.TOTP


@dataclass
class Times:
    """How long each request or sign-in took, in ms, repeat by repeat."""

    repeats: list[list[float]] = field(default_factory=list)

    def percentiles(self, percent: float) -> tuple[float, ...]:
        """Return one value per repeat."""
        return tuple(percentile(times, percent) for times in self.repeats)


@dataclass
class Measuring:
    """One connection that signs in and lists, one request after the other."""

    ground: Ground
    http: aiohttp.ClientSession
    kept: Methods
    failures: int = 0

    async def password(self, account: Account) -> float:
        """Sign in with the password alone."""
        begun = time.perf_counter()
        answer = await self._post("/sign-in", _body(account))
        took = time.perf_counter() - begun
        self.failures += answer.get("state") != "complete"
        return took * 1000

    async def totp(self, guarded: Guarded) -> float:
        """Sign in with the password and a code."""
        # Steps only rise, so the one that was taken is given back in the store: a person who
        # signs in again within half a minute would otherwise have to wait for the next.
        await self.kept.update_one(
            {"_id": guarded.account.sub}, {"$set": {"methods.0.last_step": 0}}
        )
        code = guarded.totp.now()
        begun = time.perf_counter()
        challenge = await self._post("/sign-in", _body(guarded.account))
        answer = await self._post(f"/sign-in/{challenge.get('flow')}/answer", {"code": code})
        took = time.perf_counter() - begun
        self.failures += answer.get("state") != "complete"
        return took * 1000

    async def listing(self, token: str) -> float:
        """List one's methods."""
        begun = time.perf_counter()
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http.get("/api/v1/me/methods", headers=headers) as response:
            await response.read()
        self.failures += response.status != _OK
        return (time.perf_counter() - begun) * 1000

    async def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        async with self.http.post(f"/api/v1{path}", json=body) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
            return answer


async def measure(ground: Ground) -> Section:
    """Take both kinds of sign-in in turn, and then both lists."""
    accounts = await ground.clients.accounts(2 * PEOPLE + 2, first=FIRST)
    plain, guarded = accounts[:PEOPLE], [await _guarded(ground, e) for e in accounts[PEOPLE:-2]]
    nobody, collector = accounts[-2:]
    without, beside, none, many = Times(), Times(), Times(), Times()
    async with (
        aiohttp.ClientSession(ground.url) as http,
        AsyncMongoClient[dict[str, Any]](ground.stack.mongo_url) as client,
    ):
        at = Measuring(ground, http, client["credentials"]["security_info"])
        tokens = await _lists(ground, at.kept, nobody, collector)
        await _sign_ins(at, plain, guarded, _WARM)
        await _listings(at, tokens, _WARM)
        for _ in range(ground.scale.repeats):
            for kept, times in zip(
                (without, beside),
                await _sign_ins(at, plain, guarded, ground.scale.factor_sign_ins_per_repeat),
                strict=True,
            ):
                kept.repeats.append(times)
            for kept, times in zip(
                (none, many),
                await _listings(at, tokens, ground.scale.listings_per_repeat),
                strict=True,
            ):
                kept.repeats.append(times)
    return _section(without, beside, none, many, at.failures)


async def _sign_ins(
    at: Measuring, plain: list[Account], guarded: list[Guarded], count: int
) -> tuple[list[float], list[float]]:
    without, beside = [], []
    for number in range(count):
        without.append(await at.password(plain[number % PEOPLE]))
        beside.append(await at.totp(guarded[number % PEOPLE]))
    return without, beside


async def _listings(
    at: Measuring, tokens: tuple[str, str], count: int
) -> tuple[list[float], list[float]]:
    none, many = [], []
    for _ in range(count):
        none.append(await at.listing(tokens[0]))
        many.append(await at.listing(tokens[1]))
    return none, many


async def _guarded(ground: Ground, account: Account) -> Guarded:
    credentials = ground.clients.credentials
    setup = await credentials.enroll_authenticator(
        EnrollAuthenticator(sub=account.sub, label="Phone", issuer="Bench", account=account.user_id)
    )
    totp = pyotp.TOTP(setup.secret.get_secret_value())
    code = totp.at(int(time.time()) - _STEP_SECONDS)
    await credentials.prove(
        ProveMethod(
            sub=account.sub, id=setup.id, code=SecretStr(code), address=ADDRESS, sid="bench"
        )
    )
    return Guarded(account, setup.id, totp)


async def _lists(
    ground: Ground, kept: Methods, nobody: Account, collector: Account
) -> tuple[str, str]:
    """Give one of two people many methods, and return a token of each."""
    first = (await _guarded(ground, collector)).method
    # More than a person may set up, so they are put into the store as copies of the first.
    found = await kept.find_one({"_id": collector.sub}) or {}
    (method,) = found["methods"]
    copies = [
        method | {"id": f"{number:02}-{method['id']}", "label": f"Phone {number}"}
        for number in range(1, METHODS)
    ]
    await kept.update_one({"_id": collector.sub}, {"$set": {"methods": [method, *copies]}})
    where = Where(address=ADDRESS, user_agent="benchmark")
    (without,) = await ground.clients.tokens(nobody, 1)
    established = await ground.clients.sessions.establish(
        EstablishSession(
            sub=collector.sub, epoch=1, where=where, amr=("pwd", "otp"), aal=2, factor=first
        )
    )
    return without, established.token


def _body(account: Account) -> dict[str, str]:
    return {"user_id": account.user_id, "password": account.password}


def _section(without: Times, beside: Times, none: Times, many: Times, failures: int) -> Section:
    sign_in = _figure("TOTP sign-in p50; bare: password only", beside, without, 50)
    listing = _figure(f"listing {METHODS} methods p50; bare: none", many, none, 50)
    return Section(
        "Second factors",
        "One connection, one request after the other, both kinds in turn. A sign-in with a code "
        "is two requests, the password's and the code's. The methods are listed by a session that "
        "rests on one of them.",
        (
            sign_in,
            _figure("TOTP sign-in p99; bare: password only", beside, without, 99),
            listing,
            _figure(f"listing {METHODS} methods p99; bare: none", many, none, 99),
        ),
        (
            Bar("TOTP sign-in p50", ratio(sign_in.ours, sign_in.bare), 1.15),
            Bar(f"listing {METHODS} methods p50", ratio(listing.ours, listing.bare), 1.5),
            Bar("requests that failed", failures, 0, unit=""),
        ),
    )


def _figure(what: str, ours: Times, bare: Times, percent: float) -> Figure:
    return Figure(what, "ms", ours.percentiles(percent), bare.percentiles(percent))
