"""Passkeys and security keys (WebAuthn level 3), which their owner has to unlock each time."""

import asyncio
import base64
import importlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, cast, get_args

from services.credentials.errors import PasskeyRefused
from services.credentials.kinds import MethodChanges, Shown
from services.credentials.method import Method, new_id
from services.credentials.model import OneTime, fingerprint
from services.credentials.passkeys import Attachment, ChallengeSeconds, Passkey, RelyingParty
from services.credentials.store import OneTimeStore
from shared.clock import Clock
from shared.contracts.methods import BeginChallenge, ChallengeBegun
from shared.contracts.passkeys import EnrollPasskey, PasskeySetup

_CHALLENGE_BYTES = 32
_NOBODY = ""
_TRANSPORTS = frozenset({"usb", "nfc", "ble", "internal", "cable", "hybrid"})
_ATTACHMENTS = set(get_args(Attachment))

T = TypeVar("T")


class Ceremonies(Protocol):
    """What `services.credentials.ceremonies` does, which is loaded late."""

    def to_make(
        self,
        site: RelyingParty,
        *,
        issuer: str,
        handle: bytes,
        account: str,
        challenge: bytes,
        known: Sequence[Passkey],
    ) -> str:
        """Return the options by which a browser makes a passkey."""
        ...

    def to_sign(self, site: RelyingParty, challenge: bytes, allowed: Sequence[Passkey]) -> str:
        """Return the options by which a browser has a challenge signed."""
        ...

    def made(
        self, site: RelyingParty, said: dict[str, Any], challenge: bytes, handle: str
    ) -> Passkey:
        """Return the passkey that was made."""
        ...

    def signed(
        self, site: RelyingParty, said: dict[str, Any], challenge: bytes, passkey: Passkey
    ) -> tuple[int, bool]:
        """Return the count of what was signed, and whether the passkey is backed up."""
        ...


@dataclass(frozen=True)
class Answer:
    """What a browser says for a passkey, as far as it is read before it is verified."""

    said: dict[str, Any]
    response: dict[str, Any]
    challenge: bytes

    @classmethod
    def parse(cls, text: str) -> "Answer":
        """Read it, or raise `PasskeyRefused` for what is none."""

        def read() -> "Answer":
            said = json.loads(text)
            response = said["response"]
            client = json.loads(_decoded(response["clientDataJSON"]))
            return cls(said, response, _decoded(client["challenge"]))

        return _unless_refused(read)

    @property
    def credential_id(self) -> str:
        """Return which credential it says that it is of."""
        return str(self.said.get("id"))

    @property
    def user_handle(self) -> str | None:
        """Return whose it says that it is; authenticators need not say."""
        handle = self.response.get("userHandle")
        return None if handle is None else str(handle).rstrip("=")

    @property
    def transports(self) -> tuple[str, ...]:
        """Return the known ways to its authenticator."""
        said = self.response.get("transports")
        known = [each for each in said if each in _TRANSPORTS] if isinstance(said, list) else []
        return tuple(dict.fromkeys(known))

    @property
    def attachment(self) -> Attachment | None:
        """Return whether its authenticator is part of the device that the browser is on."""
        said = self.said.get("authenticatorAttachment")
        return cast("Attachment", said) if said in _ATTACHMENTS else None


@dataclass(frozen=True)
class Passkeys:
    """Passkeys, which sign a challenge that is kept as a hash and works once, for five minutes."""

    changes: MethodChanges
    one_times: OneTimeStore
    relying_party: RelyingParty
    clock: Clock
    pepper: bytes
    # Proof of possession of a key (RFC 8176, 2). Whether a chip keeps it, nobody has attested.
    amr: str = "pop"

    async def enroll(self, asked: EnrollPasskey) -> PasskeySetup:
        """Begin to set up a passkey. Nothing counts before it is proved."""
        new = Method(
            new_id(), "passkey", asked.label, self.clock.now(), instead_of=asked.instead_of
        )
        done = await self.changes.begin(asked.sub, new)
        # An authenticator makes none where it has one of these, but for the one that is replaced.
        known = [
            each.passkey
            for each in done.info.proved
            if each.passkey is not None and each.id != asked.instead_of
        ]
        challenge = await self._begun(asked.sub, new.id, new.id)
        options = (await _loaded()).to_make(
            self.relying_party,
            issuer=asked.issuer,
            handle=_decoded(self._handle(asked.sub)),
            account=asked.account,
            challenge=challenge,
            known=known,
        )
        return PasskeySetup(id=new.id, options=options)

    async def begin(self, method: Method, asked: BeginChallenge) -> ChallengeBegun:
        """Say what is to be signed by this passkey."""
        passkey = _passkey_of(method)
        challenge = await self._begun(asked.sub, method.id, asked.binding)
        return await self._request(challenge, [passkey])

    async def begin_for_anybody(self, binding: str) -> ChallengeBegun:
        """Say what is to be signed by any passkey of this site."""
        return await self._request(await self._begun(_NOBODY, _NOBODY, binding), [])

    async def admit(self, method: Method, shown: Shown) -> None:
        """Use the challenge up, whatever comes of the answer."""
        await self._take(self._name(shown.sub, method.id, shown.binding), shown.answer)

    async def admit_anybody(self, answer: str, binding: str) -> None:
        """Use up a challenge that was for anybody."""
        await self._take(self._name(_NOBODY, _NOBODY, binding), answer)

    def took(self, method: Method, shown: Shown) -> Method:
        """Verify what was signed, or what was made where there is nothing to verify it with yet."""
        answer = Answer.parse(shown.answer)
        if method.passkey is None:
            return replace(method, passkey=self._registered(answer, shown.sub))
        used = self._verified(answer, method.passkey)
        return replace(method, passkey=used, last_used_at=shown.at)

    def _registered(self, answer: Answer, sub: str) -> Passkey:
        made = _unless_refused(
            lambda: _library().made(
                self.relying_party, answer.said, answer.challenge, self._handle(sub)
            )
        )
        return replace(made, transports=answer.transports, attachment=answer.attachment)

    def _verified(self, answer: Answer, passkey: Passkey) -> Passkey:
        if answer.credential_id != passkey.credential_id:
            raise PasskeyRefused
        if answer.user_handle not in {None, passkey.user_handle}:
            raise PasskeyRefused
        sign_count, backed_up = _unless_refused(
            lambda: _library().signed(self.relying_party, answer.said, answer.challenge, passkey)
        )
        return passkey.used(sign_count, backed_up=backed_up)

    async def _request(self, challenge: bytes, allowed: Sequence[Passkey]) -> ChallengeBegun:
        options = (await _loaded()).to_sign(self.relying_party, challenge, allowed)
        return ChallengeBegun(options=options)

    async def _begun(self, sub: str, method_id: str, binding: str) -> bytes:
        challenge = secrets.token_bytes(_CHALLENGE_BYTES)
        name = self._name(sub, method_id, binding)
        await self.one_times.keep(OneTime(name, self._proof(challenge), ChallengeSeconds))
        return challenge

    async def _take(self, name: str, answer: str) -> None:
        # Where the challenge was begun by another replica, this one has not loaded it yet.
        await _loaded()
        if not await self.one_times.take(name, self._proof(Answer.parse(answer).challenge)):
            raise PasskeyRefused

    def _name(self, sub: str, method_id: str, binding: str) -> str:
        return fingerprint(self.pepper, "passkey", sub, method_id, binding)

    def _proof(self, challenge: bytes) -> str:
        return fingerprint(self.pepper, "passkey-challenge", challenge.hex())

    def _handle(self, sub: str) -> str:
        """Return what authenticators know somebody by, which tells nobody who it is."""
        handle = bytes.fromhex(fingerprint(self.pepper, "passkey-user", sub))
        return base64.urlsafe_b64encode(handle).decode().rstrip("=")


def _passkey_of(method: Method) -> Passkey:
    return cast("Passkey", method.passkey)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _library() -> Ceremonies:
    return cast("Ceremonies", importlib.import_module("services.credentials.ceremonies"))


async def _loaded() -> Ceremonies:
    """Return the library, loaded beside the event loop, which would stand still meanwhile."""
    return await asyncio.to_thread(_library)


def _unless_refused(read: Callable[[], T]) -> T:
    try:
        return read()
    except Exception as error:
        # It reads bytes that anybody may have made up, through decoders of JSON, CBOR, keys and
        # certificates, each of which fails in its own way. Whatever fails is no passkey's answer.
        raise PasskeyRefused from error
