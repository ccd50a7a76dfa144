"""Codes that are sent: by mail, as a text message, by a call (NIST SP 800-63B-4, 3.1.3)."""

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from pydantic import SecretStr

from services.credentials.errors import CodeRefused, MethodExists
from services.credentials.keyring import Keyring
from services.credentials.kinds import MethodChanges, Shown
from services.credentials.method import Method, new_id
from services.credentials.methods import Changed, SecurityInfo
from services.credentials.model import OneTime, fingerprint
from services.credentials.sending import Sending
from services.credentials.store import Message, OneTimeStore, Words
from shared.clock import Clock
from shared.contracts.audit import Details
from shared.contracts.events import Audited
from shared.contracts.methods import (
    BeginChallenge,
    ChallengeBegun,
    EnrollSent,
    Imported,
    ImportSent,
    SentKind,
    SentSetup,
)

Send = Callable[[Message], Awaitable[None]]
CodeSeconds = 300
_DIGITS = 8
_ASCII_DIGITS = frozenset("0123456789")
_AMR = {"email": "otp", "sms": "sms", "voice": "tel"}
_COUNTRY = re.compile(r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|...")
"""A country's code: of one or two digits, and all others of three (E.164, annex D)."""
_TEXTS = {
    ("email", False): "sent.email.add",
    ("sms", False): "sent.sms.add",
    ("sms", True): "sent.sms.show",
    ("voice", False): "sent.voice.add",
    ("voice", True): "sent.voice.show",
}
"""What a code is for, by kind and whether that is proved already."""
_RESET_TEXTS = {"email": "sent.email.reset", "sms": "sent.sms.reset", "voice": "sent.voice.reset"}


@dataclass(frozen=True)
class OutOfBand:
    """Send codes, and take each once, for what it was sent for and for five minutes."""

    changes: MethodChanges
    one_times: OneTimeStore
    sending: Sending
    keyring: Keyring
    words: Words
    clock: Clock
    pepper: bytes
    amr: str = "otp"

    def by(self, kind: SentKind) -> "OutOfBand":
        """Return it as one kind of method."""
        return replace(self, amr=_AMR[kind])

    async def enroll(self, asked: EnrollSent) -> SentSetup:
        """Begin to set up an address or a number, and send a code there."""
        self.sending.require(asked.kind)
        sealed = self._made(asked.sub, asked.kind, asked.target, asked.language)
        sealed = replace(sealed, instead_of=asked.instead_of)
        await self.changes.begin(asked.sub, sealed)
        await self.begin(
            sealed,
            BeginChallenge(sub=asked.sub, id=sealed.id, binding=sealed.id, language=asked.language),
        )
        return SentSetup(id=sealed.id, hint=hint_of(asked.target.get_secret_value()))

    async def bring(self, asked: ImportSent) -> Imported:
        """Add an address or a number as proved, since an admin vouches for it.

        Nothing is sent there. A dry run refuses the same and changes nothing.
        """
        self.sending.require(asked.kind)
        (await self.changes.policy(asked.sub)).require(asked.kind)
        new = self._made(asked.sub, asked.kind, asked.target, asked.language)

        def added(info: SecurityInfo) -> Changed:
            return Changed(info.with_proved(new), new, "create", by_admin=True)

        try:
            if asked.dry_run:
                added(await self.changes.store.security_info(asked.sub))
            else:
                await self.changes.make(asked.sub, added, also=_audited(asked, self.clock.now()))
        except MethodExists:
            return Imported(added=False)
        return Imported(added=True)

    async def begin(self, method: Method, asked: BeginChallenge) -> ChallengeBegun:
        """Send a new code; the one before it ends when this one is taken away."""

        async def send(message: Message) -> None:
            await self.sending.send(asked.sub, message, is_proved=method.proved)

        await self._begin(method, asked, _TEXTS[_kind_of(method), method.proved], send)
        return ChallengeBegun()

    async def begin_reset(self, method: Method, asked: BeginChallenge) -> None:
        """Send a code to somebody who says that they have forgotten their password.

        Whoever that is must not use up what the owner of the method may be sent elsewhere, so it is
        counted by who calls this.
        """
        await self._begin(method, asked, _RESET_TEXTS[_kind_of(method)], self.sending.deliver)

    async def _begin(self, method: Method, asked: BeginChallenge, text_id: str, send: Send) -> None:
        code = "".join(secrets.choice("0123456789") for _ in range(_DIGITS))
        message = self._message(method, asked, text_id, code)
        name = self._name(asked.sub, method, asked.binding)
        # A code that does not get there ends none that did.
        await send(message)
        await self.one_times.keep(OneTime(name, self._proof(name, code), CodeSeconds))

    async def admit(self, method: Method, shown: Shown) -> None:
        """Use the code up."""
        code = "".join(each for each in shown.answer if each not in " -")
        name = self._name(shown.sub, method, shown.binding)
        if len(code) != _DIGITS or not _ASCII_DIGITS.issuperset(code):
            raise CodeRefused
        if not await self.one_times.take(name, self._proof(name, code)):
            raise CodeRefused
        await self.sending.arrived(shown.sub, _kind_of(method), self.target(method, shown.sub))

    def took(self, method: Method, shown: Shown) -> Method:
        """Take note of when that was."""
        return method.took_sent(shown.at)

    def _made(self, sub: str, kind: SentKind, sent_to: SecretStr, language: str | None) -> Method:
        target = sent_to.get_secret_value()
        new = Method(
            id=new_id(),
            kind=kind,
            label="",
            created_at=self.clock.now(),
            hint=hint_of(target),
            mark=fingerprint(self.pepper, "target", sub, kind, target.casefold()),
            # What is said to it when it goes is said in the words it was added in.
            language=language if kind == "email" else None,
        )
        return replace(new, sealed=self.keyring.seal(new.place(sub), target.encode()))

    def _message(self, method: Method, asked: BeginChallenge, text_id: str, code: str) -> Message:
        kind = _kind_of(method)
        # A voice reads digits one by one where commas part them.
        said = ", ".join(code) if kind == "voice" else f"{code[:4]} {code[4:]}"
        return Message(
            kind=kind,
            to=self.target(method, asked.sub),
            subject=self.words.text("sent.subject", asked.language),
            text=self.words.text(text_id, asked.language, code=said),
            language=self.words.nearest(asked.language),
        )

    def target(self, method: Method, sub: str) -> str:
        """Return the address or number behind a method."""
        return self.keyring.open(method.place(sub), method.sealed).decode()

    def _name(self, sub: str, method: Method, binding: str) -> str:
        return fingerprint(self.pepper, "sent-code", sub, method.id, binding)

    def _proof(self, name: str, code: str) -> str:
        return fingerprint(self.pepper, "sent-proof", name, code)


def _audited(asked: ImportSent, at: datetime) -> tuple[Audited, ...]:
    if asked.by is None:
        return ()
    details: Details = {"kind": asked.kind}
    return (Audited.of(asked.by, "import-method", at=at, subject=asked.sub, details=details),)


def hint_of(target: str) -> str:
    """Return as much of an address or a number as its owner needs to know it by."""
    local, at, domain = target.rpartition("@")
    if at:
        return f"{local[0]}…@{domain}"
    digits = target.removeprefix("+")
    country = cast("re.Match[str]", _COUNTRY.match(digits))
    return f"+{country[0]} … {digits[-2:]}"


def _kind_of(method: Method) -> SentKind:
    return cast("SentKind", method.kind)
