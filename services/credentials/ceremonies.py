"""What browsers are asked for and what their answers are checked with, by the WebAuthn library.

It takes a third of a second to load and 6 MiB, so it is loaded when the first passkey is used.
"""

from collections.abc import Sequence
from typing import Any

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

from services.credentials.passkeys import ChallengeSeconds, Passkey, RelyingParty

_ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]


def to_make(
    site: RelyingParty,
    *,
    issuer: str,
    handle: bytes,
    account: str,
    challenge: bytes,
    known: Sequence[Passkey],
) -> str:
    """Return the options by which a browser makes a passkey, none of those that are known."""
    options = generate_registration_options(
        rp_id=site.id,
        rp_name=issuer,
        user_id=handle,
        user_name=account,
        challenge=challenge,
        timeout=ChallengeSeconds * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[_descriptor(each) for each in known],
        supported_pub_key_algs=_ALGORITHMS,
    )
    return options_to_json(options)


def to_sign(site: RelyingParty, challenge: bytes, allowed: Sequence[Passkey]) -> str:
    """Return the options by which a browser has a challenge signed, by any where none is named."""
    options = generate_authentication_options(
        rp_id=site.id,
        challenge=challenge,
        timeout=ChallengeSeconds * 1000,
        allow_credentials=[_descriptor(each) for each in allowed],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def made(site: RelyingParty, said: dict[str, Any], challenge: bytes, handle: str) -> Passkey:
    """Return the passkey that was made, or raise whatever the library's decoders do."""
    verified = verify_registration_response(
        credential=said,
        expected_challenge=challenge,
        expected_rp_id=site.id,
        expected_origin=site.origin,
        require_user_verification=True,
        supported_pub_key_algs=_ALGORITHMS,
    )
    return Passkey(
        credential_id=bytes_to_base64url(verified.credential_id),
        user_handle=handle,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        multi_device=verified.credential_device_type == CredentialDeviceType.MULTI_DEVICE,
        backed_up=verified.credential_backed_up,
        aaguid=verified.aaguid,
    )


def signed(
    site: RelyingParty, said: dict[str, Any], challenge: bytes, passkey: Passkey
) -> tuple[int, bool]:
    """Return the count of what a passkey signed, and whether it is backed up by now.

    Raise whatever the library's decoders do.
    """
    verified = verify_authentication_response(
        credential=said,
        expected_challenge=challenge,
        expected_rp_id=site.id,
        expected_origin=site.origin,
        credential_public_key=passkey.public_key,
        # Counts are compared once the signature has shown whose they are.
        credential_current_sign_count=0,
        require_user_verification=True,
    )
    return verified.new_sign_count, verified.credential_backed_up


def _descriptor(passkey: Passkey) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(
        id=base64url_to_bytes(passkey.credential_id),
        transports=[AuthenticatorTransport(each) for each in passkey.transports],
    )
