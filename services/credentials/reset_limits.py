"""How often passwords may be asked to be reset, proofs tried and messages sent for it.

What is counted is durable: neither a restart nor a Redis that was flushed lets anybody begin anew.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv6Network, ip_address

from services.credentials.errors import (
    CodeRefused,
    ResetOutOfOrder,
    SignInThrottled,
    TooManyCodes,
)
from services.credentials.method import Method
from services.credentials.model import (
    RESET,
    RESET_SENDS,
    Guesses,
    Lock,
    Quota,
    address_guesses,
    change_guesses,
    fingerprint,
    new_attempt,
    sign_in_guesses,
)
from services.credentials.reset_policy import ResetThrottles
from services.credentials.store import QuotaStore
from services.credentials.throttling import Throttle

_IPV6 = 6
SendsSeconds, MailsSeconds = 3600, 600
RequestsOfAddress, RequestsSeconds = 60, 600
"""More than a helpdesk behind one address begins, and few enough to go through no list of names."""
ToldSeconds = 3600
HelpOfUser, HelpOfAddress, HelpSeconds = 1, 10, 24 * 3600


def network_of(address: str) -> str:
    """Return what one client is counted by: whoever has an IPv6 address has 2^64 of them."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(IPv6Network((parsed, 64), strict=False)) if parsed.version == _IPV6 else address


@dataclass(frozen=True)
class ResetLimits:
    """Count, and lock an account's resets for a day where it is too much."""

    throttle: Throttle
    quotas: QuotaStore
    pepper: bytes

    async def is_locked(self, sub: str, limits: ResetThrottles) -> bool:
        """Tell whether nobody may reset this password now."""
        return await self.throttle.is_locked(self._proofs(sub, limits), self._sends(sub, limits))

    async def lets_begin(self, address: str) -> bool:
        """Take one of the resets that may be begun from an address."""
        key = self._key("address", network_of(address))
        return not await self.quotas.take(Quota(key, RequestsOfAddress, RequestsSeconds))

    async def lets_ask_helpdesk(self, user_id: str, address: str) -> bool:
        """Take one of the requests for help, which are counted whether or not there is the user."""
        by_address = Quota(self._key("help from", network_of(address)), HelpOfAddress, HelpSeconds)
        by_user = Quota(self._key("help for", user_id), HelpOfUser, HelpSeconds)
        return not await self.quotas.take(by_address) and not await self.quotas.take(by_user)

    async def lets_tell(self, sub: str, reason: str) -> bool:
        """Take the one entry of its kind in an hour: anybody can have the trail told."""
        key = self._key("told", sub, reason)
        return not await self.quotas.take(Quota(key, 1, ToldSeconds))

    async def wrong_proofs(self, sub: str, limits: ResetThrottles) -> int:
        """Return how many wrong proofs are counted."""
        return await self.throttle.failures(self._proofs(sub, limits))

    def seed(self, sub: str, method_id: str, wrong: int) -> str:
        """Return what decides which questions are drawn, which nobody else can work out."""
        return self._key("draw", sub, method_id, str(wrong))

    @asynccontextmanager
    async def proof(self, sub: str, address: str, limits: ResetThrottles) -> AsyncIterator[None]:
        """Let a proof be tried while any may be, and count it where it is wrong.

        A right one forgets nothing: who can read somebody's mail would have any number of tries at
        the second proof.
        """
        try:
            async with self.throttle.attempt(
                self._proofs(sub, limits), address_guesses(self.pepper, address)
            ) as attempt:
                try:
                    yield
                except CodeRefused:
                    # The same digits are another guess each time: what they are for is new.
                    attempt.wrong(new_attempt())
                    raise
        except SignInThrottled as locked:
            # As for who cannot reset a password at all, for how long is not said.
            raise ResetOutOfOrder from locked

    async def take_message(self, sub: str, method: Method, limits: ResetThrottles) -> None:
        """Take one of the messages that may be sent, or lock and raise `TooManyCodes`."""
        sends, mails = limits.sends_per_hour, limits.mails_per_ten_minutes
        quotas = [Quota(self._key("sends", sub, method.id), sends, SendsSeconds)]
        if method.kind == "email":
            quotas.append(Quota(self._key("mails", sub), mails, MailsSeconds))
        for quota in quotas:
            if await self.quotas.take(quota):
                too_many = self._sends(sub, limits)
                await self.throttle.count(too_many)
                raise TooManyCodes(retry_after=too_many.limit.first_lock_seconds)

    async def clear(
        self, sub: str, user_id: str, methods: tuple[Method, ...], limits: ResetThrottles
    ) -> None:
        """Forget what was counted, and unlock the account: its password is a new one."""
        await self.throttle.clear(
            self._proofs(sub, limits),
            self._sends(sub, limits),
            sign_in_guesses(self.pepper, user_id, familiar=False),
            sign_in_guesses(self.pepper, user_id, familiar=True),
            change_guesses(self.pepper, sub),
        )
        for key in [self._key("mails", sub), *(self._key("sends", sub, e.id) for e in methods)]:
            await self.quotas.clear(key)

    def _proofs(self, sub: str, limits: ResetThrottles) -> Guesses:
        # Under another limit the count is another one: what was counted may be beyond it already.
        usual = limits.wrong_proofs == RESET.failures
        key = self._key("proofs", sub, *([] if usual else [str(limits.wrong_proofs)]))
        limit = replace(RESET.locking(limits.lock_hours), failures=limits.wrong_proofs)
        return Guesses(key, limit, Lock(sub, "reset-locked"))

    def _sends(self, sub: str, limits: ResetThrottles) -> Guesses:
        limit = RESET_SENDS.locking(limits.lock_hours)
        return Guesses(self._key("too many sends", sub), limit, Lock(sub, "reset-locked"))

    def _key(self, *parts: str) -> str:
        return fingerprint(self.pepper, "reset", *parts)
