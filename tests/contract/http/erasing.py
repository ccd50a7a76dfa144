"""What the gateway asks about what is kept of people, as the contract's tests ask it."""

from dataclasses import replace
from functools import partial

from services.gateway.clients.personal_data import PersonalDataClient
from shared.contracts.personal_data import (
    KEEPERS,
    AskErasure,
    FindSubject,
    ReadErasure,
    ReadPersonalData,
)
from tests.contract.http.services import Calls, Services

SUB = "person-1"


async def _read(keeper: str, services: Services) -> object:
    return await PersonalDataClient(services.peer(keeper)).page(ReadPersonalData(sub=SUB))


async def _find(services: Services) -> object:
    return await services.erasures.find(FindSubject(name="ada@example.org"))


async def _ask(services: Services) -> object:
    people = services.memory.people.persons
    people[SUB] = replace(people[SUB], deleted=True)
    return await services.erasures.ask(AskErasure(sub=SUB))


async def _how_far(services: Services) -> object:
    await _ask(services)
    return await services.erasures.read(ReadErasure(sub=SUB))


ERASURE_CALLS: Calls = {
    **{(keeper, "/personal-data/read"): partial(_read, keeper) for keeper in KEEPERS},
    ("profile", "/erasures/find"): _find,
    ("profile", "/erasures/ask"): _ask,
    ("profile", "/erasures/read"): _how_far,
}
ERASURE_READS = {"/personal-data/read", "/erasures/find", "/erasures/read"}
