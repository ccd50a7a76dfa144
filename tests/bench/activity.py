"""What sign-in activity costs: a page of a user with many rows, and a row for each sign-in."""

import asyncio
import sys
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
from pymongo import AsyncMongoClient

from services.gateway.portal import cookies
from tests.bench.figures import Bar, Figure, Section
from tests.bench.ground import Ground
from tests.bench.load import Load
from tests.bench.people import Account
from tests.bench.sign_ins import CONNECTIONS, sign_in, signing_in

MANY, FEW = 10_000, 10
_WARM_SECONDS = 2
_DAYS = 89
_WITHOUT = (sys.executable, "-m", "tests.bench.without_activity")


async def measure(ground: Ground) -> tuple[Section, Section]:
    """Measure the pages, and then the sign-ins."""
    return await _pages(ground), await _sign_ins(ground)


async def _pages(ground: Ground) -> Section:
    people = dict(zip((MANY, FEW), ground.accounts, strict=False))
    tokens = {count: (await ground.clients.tokens(who, 1))[0] for count, who in people.items()}
    for count, who in people.items():
        await _keep(ground, who, count)
    taken: dict[tuple[str, int], list[float]] = {}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
        for _ in range(ground.scale.lists_per_repeat):
            for path in ("/api/v1/me/sign-ins", "/activity"):
                for count, token in tokens.items():
                    # In turn, so that what else the machine does falls on both alike.
                    times = taken.setdefault((path, count), [])
                    times.append(await _one(client, f"{ground.url}{path}", token))
    figures = [
        Figure(
            f"GET {path}, of {MANY:,} rows; bare: of {FEW}",
            "ms",
            tuple(taken[path, MANY]),
            tuple(taken[path, FEW]),
        )
        for path in ("/api/v1/me/sign-ins", "/activity")
    ]
    return Section(
        "Recent sign-ins",
        f"Through the gateway, asked in turn by a user with {MANY:,} rows of {_DAYS} days and by "
        f"one with {FEW}: the API's page of 50, and the portal's of 25 with a picture of 30 days.",
        tuple(figures),
        tuple(Bar(each.what.partition(",")[0], each.ratio or 0, 2) for each in figures),
    )


async def _one(client: aiohttp.ClientSession, url: str, token: str) -> float:
    headers = {"Authorization": f"Bearer {token}"}
    if "/api/" not in url:
        headers = {"Cookie": f"{cookies.SESSION}={token}"}
    begun = time.perf_counter()
    async with client.get(url, headers=headers, allow_redirects=False) as answer:
        await answer.read()
        assert answer.status == 200, answer.status
    return (time.perf_counter() - begun) * 1000


async def _keep(ground: Ground, who: Account, count: int) -> None:
    """Copy the row of a sign-in until there are as many."""
    async with AsyncMongoClient[dict[str, Any]](ground.stack.mongo_url) as client:
        rows = client["sessions"]["activity"]
        pattern = await rows.find_one({"sub": who.sub})
        assert pattern is not None
        step = timedelta(days=_DAYS) / count
        copies = (
            pattern | {"_id": f"{who.sub}.{number}", "at": pattern["at"] - number * step}
            for number in range(count)
        )
        await rows.delete_many({"sub": who.sub})
        await rows.insert_many(copies)


async def _sign_ins(ground: Ground) -> Section:
    stack = ground.stack
    kept: list[Load] = []
    plain: list[Load] = []
    usual, people = stack.programs["sessions"], await signing_in(ground)
    for _ in range(ground.scale.repeats):
        for argv, loads in ((usual.argv, kept), (_WITHOUT, plain)):
            stack.programs["sessions"] = replace(usual, argv=argv)
            await asyncio.to_thread(stack.term, "sessions")
            stack.start("sessions")
            await asyncio.to_thread(stack.wait_ready, "sessions")
            await sign_in(ground, people, _WARM_SECONDS)
            loads.append(await sign_in(ground, people, ground.scale.sign_in_seconds))
    figure = Figure(
        "sign-ins a second; bare: without keeping activity",
        "1/s",
        tuple(each.per_second for each in kept),
        tuple(each.per_second for each in plain),
    )
    failures = sum(each.failures for each in [*kept, *plain])
    return Section(
        "Sign-ins with their activity",
        f"{CONNECTIONS} connections, everybody's password in turn, on the device they have, with "
        "the sessions service as it is and with one that keeps no rows, started anew for each "
        "repeat in turn.",
        (figure,),
        (
            Bar("sign-ins beside those without activity", figure.ratio or 0, 0.85, at_least=True),
            Bar("sign-ins that failed", failures, 0, unit=""),
        ),
    )
