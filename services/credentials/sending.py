"""Sending messages, and not too many: nobody's phone is flooded, and nobody's bill is run up."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from services.credentials.errors import (
    CodeNotSent,
    KindNotAvailable,
    MessageUndelivered,
    TooManyCodes,
)
from services.credentials.model import Quota, fingerprint
from services.credentials.store import Carrier, Message, QuotaStore
from shared.contracts.methods import SentKind
from shared.telemetry import log

HourSeconds = 3600
MostOfMethod = 5
MostToStrangers = 5
MostOfSubject = 20


@dataclass(frozen=True)
class Sending:
    """Bring messages to people by whichever carriers there are."""

    carriers: Mapping[SentKind, Carrier]
    quotas: QuotaStore
    pepper: bytes

    @property
    def kinds(self) -> tuple[SentKind, ...]:
        """Return what messages can be sent by."""
        return tuple(self.carriers)

    def require(self, kind: SentKind) -> None:
        """Raise `KindNotAvailable` where nothing is sent this way."""
        if kind not in self.carriers:
            raise KindNotAvailable

    async def send(self, sub: str, message: Message, *, is_proved: bool) -> None:
        """Send a message, unless there were too many. A failed attempt counts as one.

        Nobody knows what became of it: a carrier that did not answer may have taken it.
        """
        self._carrier(message.kind)
        await self._take(sub, message, is_proved=is_proved)
        await self.deliver(message)

    async def deliver(self, message: Message) -> None:
        """Send a message that is counted elsewhere."""
        carrier = self._carrier(message.kind)
        try:
            await carrier.carry(message)
        except MessageUndelivered as error:
            log.warning("code-not-sent", kind=message.kind, error=str(error))
            raise CodeNotSent from error

    async def arrived(self, sub: str, kind: SentKind, to: str) -> None:
        """Take note that its owner wanted a message: those to the same target count no more."""
        await self.quotas.clear(self._key("to", sub, kind, to))

    def _carrier(self, kind: SentKind) -> Carrier:
        if kind not in self.carriers:
            raise CodeNotSent
        return self.carriers[kind]

    async def _take(self, sub: str, message: Message, *, is_proved: bool) -> None:
        quotas = [
            Quota(self._key("to", sub, message.kind, message.to), MostOfMethod, HourSeconds),
            Quota(self._key("by", sub), MostOfSubject, HourSeconds),
        ]
        if not is_proved:
            # It may be anybody's. A number that is proved is not counted with these, or
            # strangers could keep its owner from signing in.
            strangers = self._key("stranger", message.kind, message.to)
            quotas.insert(0, Quota(strangers, MostToStrangers, HourSeconds))
        for quota in quotas:
            if wait := await self.quotas.take(quota):
                raise TooManyCodes(retry_after=ceil(wait))

    def _key(self, *parts: str) -> str:
        return fingerprint(self.pepper, "sent", *parts)
