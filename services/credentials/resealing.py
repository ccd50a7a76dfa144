"""Sealing every secret anew, after a key was added to the ring."""

from dataclasses import dataclass, replace

from services.credentials.keyring import Keyring, Unsealable
from services.credentials.kinds import MethodChanges
from services.credentials.methods import Changed, Method, SecurityInfo
from services.credentials.store import MethodStore
from shared.telemetry import log

_PAGE = 100


@dataclass(frozen=True)
class Resealing:
    """Seal what is under an older key under the newest, while others read and change it."""

    store: MethodStore
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
        return resealed, lost

    def _is_due(self, method: Method) -> bool:
        return bool(method.sealed) and self.keyring.key_of(method.sealed) != self.keyring.newest

    def _resealed(self, info: SecurityInfo) -> Changed:
        def anew(method: Method) -> Method:
            if not self._is_due(method):
                return method
            place = method.place(info.sub)
            secret = self.keyring.open(place, method.sealed)
            return replace(method, sealed=self.keyring.seal(place, secret))

        return Changed(replace(info, methods=tuple(map(anew, info.methods))))
