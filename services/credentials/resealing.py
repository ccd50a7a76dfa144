"""Sealing every secret anew, after a key was added to the ring."""

from dataclasses import dataclass, replace

from services.credentials.keyring import Keyring, Unsealable
from services.credentials.kinds import MethodChanges
from services.credentials.method import Method
from services.credentials.methods import Changed, SecurityInfo
from services.credentials.store import AddressNoticeStore, MethodStore
from shared.telemetry import log

_PAGE = 100


@dataclass(frozen=True)
class Resealing:
    """Seal what is under an older key under the newest, while others read and change it."""

    store: MethodStore
    notices: AddressNoticeStore
    changes: MethodChanges
    keyring: Keyring

    async def reseal(self) -> tuple[int, int]:
        """Seal every secret under the newest key; return how many were, and how many cannot be.

        Nobody notices: the older keys still open what is yet to come, and what somebody changes
        meanwhile is read anew. What no key of the ring opens is logged and left as it is; without
        any, the older keys are needed no more.
        """
        resealed, lost, last = 0, 0, ""
        while page := await self.store.all_after(last, limit=_PAGE):
            for info in page:
                due = sum(self._is_due(each) for each in info.methods)
                try:
                    if due:
                        await self.changes.make(info.sub, self._resealed)
                except Unsealable:
                    log.exception("secret-not-resealed", sub=info.sub)
                    lost += due
                else:
                    resealed += due
            last = page[-1].sub
        return resealed, lost + await self._reseal_notices()

    async def _reseal_notices(self) -> int:
        """Do the same for addresses that a mail is still owed to; return how many are lost."""
        lost, last = 0, ""
        while page := await self.notices.owed_after(last, limit=_PAGE):
            for notice in page:
                try:
                    if self._is_older(notice.sealed):
                        sealed = self._anew(notice.place, notice.sealed)
                        await self.notices.resealed(notice.id, sealed)
                except Unsealable:
                    log.exception("secret-not-resealed", sub=notice.sub)
                    lost += 1
            last = page[-1].id
        return lost

    def _is_due(self, method: Method) -> bool:
        return bool(method.sealed) and self._is_older(method.sealed)

    def _is_older(self, sealed: bytes) -> bool:
        return self.keyring.key_of(sealed) != self.keyring.newest

    def _anew(self, place: str, sealed: bytes) -> bytes:
        return self.keyring.seal(place, self.keyring.open(place, sealed))

    def _resealed(self, info: SecurityInfo) -> Changed:
        def anew(method: Method) -> Method:
            if not self._is_due(method):
                return method
            return replace(method, sealed=self._anew(method.place(info.sub), method.sealed))

        return Changed(replace(info, methods=tuple(map(anew, info.methods))))
