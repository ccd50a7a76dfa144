"""Mails that are owed: taken one at a time, and tried until a mail server has them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from shared.mail import AddressRefused, MailUndelivered
from shared.telemetry import log

LeaseSeconds = 10
"""How long a store gives a mail to one mailer; a mail of one that died is due again after it."""
SendingSeconds = 8.0
"""Shorter than the lease, or another mailer would send the same mail meanwhile."""
_LOOK_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 60.0


class Owed(Protocol):
    """A mail that is owed, as often as it was tried by now."""

    @property
    def id(self) -> str:
        """What it is known by."""
        ...

    @property
    def attempts(self) -> int:
        """How often it was taken."""
        ...


N = TypeVar("N", bound=Owed)
N_co = TypeVar("N_co", bound=Owed, covariant=True)


class OwedStore(Protocol[N_co]):
    """Where mails that are owed are kept."""

    async def claim(self) -> N_co | None:
        """Take a mail that is due, for as long as one sending may take."""
        ...

    async def sent(self, notice_id: str) -> None:
        """Take note that the mail server has the mail."""
        ...

    async def undeliverable(self, notice_id: str, reason: str) -> None:
        """Take note that the mail can never be sent."""
        ...

    async def postpone(self, notice_id: str, *, seconds: float) -> None:
        """Let the mail be due again later."""
        ...


@dataclass(frozen=True)
class Sender(Generic[N]):
    """Sends what is owed. `send` raises `AddressRefused` or `MailUndelivered`."""

    store: OwedStore[N]
    send: Callable[[N], Awaitable[None]]

    async def run(self) -> None:
        """Send whatever is due, for ever."""
        while True:
            while await self.send_due():
                pass
            await asyncio.sleep(_LOOK_SECONDS)

    async def send_due(self) -> bool:
        """Send one mail that is due; return whether there was one."""
        notice = await self.store.claim()
        if notice is None:
            return False
        try:
            async with asyncio.timeout(SendingSeconds):
                await self.send(notice)
        except AddressRefused as error:
            log.warning("notice-refused", notice=notice.id, error=str(error))
            await self.store.undeliverable(notice.id, str(error))
        except (MailUndelivered, TimeoutError) as error:
            log.warning("notice-waits", notice=notice.id, error=repr(error))
            await self._postpone(notice)
        except Exception:
            # A notice that fails in a way nobody foresaw must not stop the others.
            log.exception("notice-failed", notice=notice.id)
            await self._postpone(notice)
        else:
            await self.store.sent(notice.id)
        return True

    async def _postpone(self, notice: N) -> None:
        # After a day of attempts the power would be larger than a number can be.
        pause = min(2.0 ** min(notice.attempts, 10), _LONGEST_PAUSE_SECONDS)
        await self.store.postpone(notice.id, seconds=pause)
