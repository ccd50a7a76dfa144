"""All that is stored about somebody as one file, and its erasure everywhere."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import orjson
from pydantic import ValidationError

from services.gateway.clients.personal_data import ErasureClient, PersonalDataClient
from services.gateway.model import Caller
from services.gateway.step_up import StepUps
from services.gateway.users import Users
from shared.clock import Clock
from shared.contracts.personal_data import (
    AskErasure,
    Erasure,
    FindSubject,
    FoundSubject,
    PersonalDataPage,
    ReadErasure,
    ReadPersonalData,
)
from shared.contracts.refusals import NotFound, Refusal, Unavailable

_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Piece:
    """A part of the file."""

    items: tuple[bytes]


@dataclass(frozen=True)
class PersonalData:
    """Read what every service keeps of somebody; what is written is never all in memory."""

    keepers: Sequence[PersonalDataClient]
    step_ups: StepUps

    async def require_recent(self, caller: Caller) -> None:
        """Raise `step-up-required` unless the caller showed who they are a moment ago."""
        await self.step_ups.require_for_change(caller)

    async def of(self, caller: Caller) -> AsyncIterator[Piece]:
        """Return everything about the caller, who showed who they are a moment ago."""
        await self.require_recent(caller)
        async for piece in as_json(pages_of(self.keepers, caller.sub)):
            yield piece


async def pages_of(
    keepers: Sequence[PersonalDataClient], sub: str
) -> AsyncIterator[PersonalDataPage]:
    """Return everything that is kept of somebody page by page, one section after the other."""
    for keeper in keepers:
        after: str | None = None
        while True:
            page = await keeper.page(ReadPersonalData(sub=sub, after=after))
            yield page
            after = page.next
            if after is None:
                break


async def as_json(pages: AsyncIterator[PersonalDataPage]) -> AsyncIterator[Piece]:
    """Return one JSON object with a list for each section, piece by piece."""
    section, parts = None, b""
    async for page in pages:
        written = b""
        if page.section != section:
            written = (b"{" if section is None else b"],\n") + orjson.dumps(page.section) + b": ["
            section, parts = page.section, b"\n"
        for item in page.items:
            written += parts + orjson.dumps(item)
            parts = b",\n"
        yield Piece((written,))
    yield Piece((b"]}\n" if section is not None else b"{}\n",))


def called(name: str) -> FindSubject:
    """Return the question whose name it is, or raise `NotFound` where it can be nobody's."""
    try:
        return FindSubject(name=name)
    except ValidationError as error:
        raise NotFound from error


@dataclass(frozen=True)
class Erasing:
    """Have somebody erased in every service, as the operator of the installation asks."""

    users: Users
    client: ErasureClient
    clock: Clock

    async def find(self, name: str) -> FoundSubject:
        """Return whose user ID it is, or who was erased under this id."""
        return await self.client.find(called(name))

    async def erase(self, found: FoundSubject) -> Erasure:
        """Delete them as an admin does, where that was not done, and ask for all to be erased."""
        if not found.deleted and found.organization is not None:
            await self.users.delete_for_operator(found.organization, found.sub)
        return await self.client.ask(AskErasure(sub=found.sub))

    async def confirmed(self, erasure: Erasure, *, within_seconds: float) -> Erasure:
        """Return how far it is as soon as all have confirmed it, or when the time is up."""
        give_up_at = self.clock.monotonic() + within_seconds
        while erasure.waits_for and self.clock.monotonic() < give_up_at:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                erasure = await self.client.read(ReadErasure(sub=erasure.sub))
            except Refusal as refusal:
                if refusal.type != Unavailable.type:
                    raise
        return erasure
