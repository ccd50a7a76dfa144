"""Receipts: who was told of a revocation, and when."""

import hmac
from dataclasses import dataclass

from services.sessions.errors import NoSuchReceipt
from services.sessions.model import Revocation, proof_of
from services.sessions.store import SessionStore
from shared.contracts.refusals import UnknownCursor
from shared.contracts.sessions import ListReceipts, ReadReceipt, Receipt, ReceiptList

_MOST_WAITING = 1000


@dataclass(frozen=True)
class Receipts:
    """Read receipts, as the user they belong to or with the token they came with."""

    store: SessionStore

    async def read(self, asked: ReadReceipt) -> Receipt:
        """Return a receipt; one that is somebody else's looks like one that does not exist."""
        revocation = await self.store.revocation(asked.id)
        if revocation is None or not _may_read(revocation, asked):
            raise NoSuchReceipt
        return await self._shown(revocation)

    async def list(self, asked: ListReceipts) -> ReceiptList:
        """Return a page of a subject's receipts, newest first."""
        after = await self._last(asked.sub, asked.after) if asked.after is not None else None
        found = await self.store.revocations_of(asked.sub, after=after, limit=asked.limit + 1)
        page = found[: asked.limit]
        more = page[-1].receipt if len(found) > asked.limit else None
        items = [await self._shown(revocation) for revocation in page]
        return ReceiptList(items=tuple(items), next=more)

    async def _last(self, sub: str, cursor: str) -> Revocation:
        """Return what a page ended with, or raise `UnknownCursor`."""
        found = await self.store.revocation(cursor)
        if found is None or found.sub != sub:
            raise UnknownCursor
        return found

    async def _shown(self, revocation: Revocation) -> Receipt:
        if revocation.completed_at is not None:
            return revocation.as_receipt()
        waiting = await self.store.to_end(revocation.ending, limit=_MOST_WAITING)
        return revocation.as_receipt(still_open=waiting.valid)


def _may_read(revocation: Revocation, asked: ReadReceipt) -> bool:
    if asked.sub is not None and asked.sub == revocation.sub:
        return True
    return asked.token is not None and hmac.compare_digest(
        proof_of(asked.token), revocation.token_hash
    )
