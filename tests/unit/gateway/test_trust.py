"""When a sign-in goes by the trust in its device, and by nothing less."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.gateway.trust import trusted_factor
from shared.contracts.credentials import Verified
from shared.contracts.methods import Method
from shared.contracts.sessions import RecognisedDevice
from shared.contracts.trust import DeviceTrust, TrustTerms

DAY = 24 * 3600
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PHONE = Method(
    id="phone", kind="authenticator", label="Phone", use=("mfa",), default=True, created_at=AT
)
TABLET = PHONE.model_copy(update={"id": "tablet"})
TRUST = DeviceTrust(epoch=3, factor="phone", version=1, given_seconds_ago=5 * DAY)
DEVICE = RecognisedDevice(device_id="device", sub="ada", trust=TRUST)
VERIFIED = Verified(
    sub="ada",
    epoch=3,
    must_change=False,
    methods=(TABLET, PHONE),
    trust=TrustTerms(days=30, version=1),
)


def on(**changed: Any) -> RecognisedDevice:
    return DEVICE.model_copy(update={"trust": TRUST.model_copy(update=changed)})


def with_(**changed: Any) -> Verified:
    return VERIFIED.model_copy(update=changed)


def test_a_device_that_is_trusted_is_not_asked_again() -> None:
    assert trusted_factor(DEVICE, VERIFIED) == "phone"
    assert trusted_factor(on(given_seconds_ago=30 * DAY - 1), VERIFIED) == "phone"


@pytest.mark.parametrize(
    ("device", "verified"),
    [
        (RecognisedDevice(), VERIFIED),
        (RecognisedDevice(device_id="device", sub="ada"), VERIFIED),
        (DEVICE, with_(sub="eve")),
        (DEVICE, with_(epoch=4)),
        (on(epoch=4), VERIFIED),
        (DEVICE, with_(trust=None)),
        (DEVICE, with_(trust=TrustTerms(days=30, version=2))),
        (DEVICE, with_(trust=TrustTerms(days=5, version=1))),
        (on(given_seconds_ago=30 * DAY), VERIFIED),
        (DEVICE, with_(methods=(TABLET,))),
        (DEVICE, with_(methods=(), must_register=True)),
        (DEVICE, with_(must_change=True)),
    ],
    ids=[
        "an unknown device", "a device that is not trusted", "somebody else's device",
        "the epoch was raised", "trust from a later epoch", "policy allows none",
        "policy allowed none for a while", "policy was shortened", "it is over",
        "the factor is gone", "a factor has to be registered", "a temporary password",
    ],
)  # fmt: skip
def test_any_of_these_is_asked(device: RecognisedDevice, verified: Verified) -> None:
    assert trusted_factor(device, verified) is None
