"""Commands of the operator: `python -m services.gateway export-user|erase-user USER_ID`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.gateway.clients import peer
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.peer import Peer
from services.gateway.clients.personal_data import ErasureClient, PersonalDataClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.config import GatewayConfig
from services.gateway.personal_data import Erasing, as_json, called, pages_of
from services.gateway.users import Users
from shared.clock import SystemClock
from shared.contracts.refusals import Refusal

_WAIT_SECONDS = 60.0
_WORDS = {
    "not-found": "Nobody has this user ID.",
    "last-admin": "This is the last admin of the organization. Make somebody else one first.",
    "service-unavailable": "A service does not answer. Run this again when it does.",
}


async def export_user(config: GatewayConfig, name: str) -> int:
    """Write all that is stored about somebody, and return the exit status."""
    async with _peers(config) as peers:
        try:
            found = await ErasureClient(peers[0]).find(called(name))
            keepers = [PersonalDataClient(each) for each in peers]
            async for piece in as_json(pages_of(keepers, found.sub)):
                sys.stdout.buffer.write(b"".join(piece.items))
        except Refusal as refusal:
            return _refused(refusal)
    return 0


async def erase_user(config: GatewayConfig, name: str) -> int:
    """Have somebody erased everywhere and say who has confirmed it; 1 where somebody has not."""
    async with _peers(config) as (profile, credentials, sessions):
        users = Users(
            ProfileClient(profile), CredentialsClient(credentials), SessionsClient(sessions)
        )
        erasing = Erasing(users, ErasureClient(profile), SystemClock())
        try:
            asked = await erasing.erase(await erasing.find(name))
            sys.stdout.write(f"{asked.sub}: the erasure is asked for\n")
            erasure = await erasing.confirmed(asked, within_seconds=_WAIT_SECONDS)
        except Refusal as refusal:
            return _refused(refusal)
    for keeper, at in erasure.confirmed.items():
        sys.stdout.write(f"{keeper} keeps nothing any more, {at.isoformat()}\n")
    for keeper in erasure.waits_for:
        sys.stdout.write(f"{keeper} has not confirmed it yet; it is asked again by itself\n")
    if erasure.waits_for:
        sys.stdout.write(f"To see how far it is: erase-user {erasure.sub}\n")
    return 1 if erasure.waits_for else 0


@asynccontextmanager
async def _peers(config: GatewayConfig) -> AsyncIterator[tuple[Peer, Peer, Peer]]:
    key = config.service_key.get_secret_value()
    async with peer.connect() as session:
        yield (
            Peer(session, config.profile_url, key),
            Peer(session, config.credentials_url, key),
            Peer(session, config.sessions_url, key),
        )


def _refused(refusal: Refusal) -> int:
    sys.stderr.write(f"{_WORDS.get(refusal.type, refusal.type)}\n")
    return 1
