"""Passkeys and security keys (WebAuthn level 3), which their owner has to unlock each time."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast, get_args

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from services.credentials.errors import PasskeyRefused
from services.credentials.kinds import MethodChanges, Shown
from services.credentials.methods import Method, new_id
from services.credentials.model import OneTime, fingerprint
from services.credentials.passkeys import Attachment, Passkey, RelyingParty
from services.credentials.store import OneTimeStore
from shared.clock import Clock
from shared.contracts.methods import BeginChallenge, ChallengeBegun
from shared.contracts.passkeys import EnrollPasskey, PasskeySetup

ChallengeSeconds = 300
_CHALLENGE_BYTES = 32
_NOBODY = ""
_ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
_TRANSPORTS = {each.value for each in AuthenticatorTransport}
_ATTACHMENTS = set(get_args(Attachment))

T = TypeVar("T")


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
            client = json.loads(base64url_to_bytes(response["clientDataJSON"]))
            return cls(said, response, base64url_to_bytes(client["challenge"]))

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
        new = Method(new_id(), "passkey", asked.label, self.clock.now())
        done = await self.changes.begin(asked.sub, new)
        known = [each.passkey for each in done.info.proved if each.passkey is not None]
        options = generate_registration_options(
            rp_id=self.relying_party.id,
            rp_name=asked.issuer,
            user_id=base64url_to_bytes(self._handle(asked.sub)),
            user_name=asked.account,
            challenge=await self._begun(asked.sub, new.id, new.id),
            timeout=ChallengeSeconds * 1000,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[_descriptor(each) for each in known],
            supported_pub_key_algs=_ALGORITHMS,
        )
        return PasskeySetup(id=new.id, options=options_to_json(options))

    async def begin(self, method: Method, asked: BeginChallenge) -> ChallengeBegun:
        """Say what is to be signed by this passkey."""
        passkey = _passkey_of(method)
        challenge = await self._begun(asked.sub, method.id, asked.binding)
        return self._request(challenge, [_descriptor(passkey)])

    async def begin_for_anybody(self, binding: str) -> ChallengeBegun:
        """Say what is to be signed by any passkey of this site."""
        return self._request(await self._begun(_NOBODY, _NOBODY, binding), [])

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
        verified = _unless_refused(
            lambda: verify_registration_response(
                credential=answer.said,
                expected_challenge=answer.challenge,
                expected_rp_id=self.relying_party.id,
                expected_origin=self.relying_party.origin,
                require_user_verification=True,
                supported_pub_key_algs=_ALGORITHMS,
            )
        )
        return Passkey(
            credential_id=bytes_to_base64url(verified.credential_id),
            user_handle=self._handle(sub),
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            transports=answer.transports,
            attachment=answer.attachment,
            multi_device=verified.credential_device_type == CredentialDeviceType.MULTI_DEVICE,
            backed_up=verified.credential_backed_up,
            aaguid=verified.aaguid,
        )

    def _verified(self, answer: Answer, passkey: Passkey) -> Passkey:
        if answer.credential_id != passkey.credential_id:
            raise PasskeyRefused
        if answer.user_handle not in {None, passkey.user_handle}:
            raise PasskeyRefused
        verified = _unless_refused(
            lambda: verify_authentication_response(
                credential=answer.said,
                expected_challenge=answer.challenge,
                expected_rp_id=self.relying_party.id,
                expected_origin=self.relying_party.origin,
                credential_public_key=passkey.public_key,
                # Counts are compared once the signature has shown whose they are.
                credential_current_sign_count=0,
                require_user_verification=True,
            )
        )
        return passkey.used(verified.new_sign_count, backed_up=verified.credential_backed_up)

    def _request(
        self, challenge: bytes, allowed: list[PublicKeyCredentialDescriptor]
    ) -> ChallengeBegun:
        options = generate_authentication_options(
            rp_id=self.relying_party.id,
            challenge=challenge,
            timeout=ChallengeSeconds * 1000,
            allow_credentials=allowed,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return ChallengeBegun(options=options_to_json(options))

    async def _begun(self, sub: str, method_id: str, binding: str) -> bytes:
        challenge = secrets.token_bytes(_CHALLENGE_BYTES)
        name = self._name(sub, method_id, binding)
        await self.one_times.keep(OneTime(name, self._proof(challenge), ChallengeSeconds))
        return challenge

    async def _take(self, name: str, answer: str) -> None:
        if not await self.one_times.take(name, self._proof(Answer.parse(answer).challenge)):
            raise PasskeyRefused

    def _name(self, sub: str, method_id: str, binding: str) -> str:
        return fingerprint(self.pepper, "passkey", sub, method_id, binding)

    def _proof(self, challenge: bytes) -> str:
        return fingerprint(self.pepper, "passkey-challenge", challenge.hex())

    def _handle(self, sub: str) -> str:
        """Return what authenticators know somebody by, which tells nobody who it is."""
        return bytes_to_base64url(bytes.fromhex(fingerprint(self.pepper, "passkey-user", sub)))


def _passkey_of(method: Method) -> Passkey:
    return cast("Passkey", method.passkey)


def _descriptor(passkey: Passkey) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(
        id=base64url_to_bytes(passkey.credential_id),
        transports=[AuthenticatorTransport(each) for each in passkey.transports],
    )


def _unless_refused(read: Callable[[], T]) -> T:
    try:
        return read()
    except Exception as error:
        # It reads bytes that anybody may have made up, through decoders of JSON, CBOR, keys and
        # certificates, each of which fails in its own way. Whatever fails is no passkey's answer.
        raise PasskeyRefused from error
