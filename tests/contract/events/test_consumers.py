"""Every consumer, each of which is fed in a file of its service."""

from shared.contracts.personal_data import KEEPERS
from tests.contract.events.telling import KINDS
from tests.recorded.documents import Subscription, subscriptions


def test_these_are_all_the_consumers_there_are() -> None:
    assert set(subscriptions()) == {
        Subscription("gateway", "session-revoked", durable=False),
        Subscription("gateway", "credential-change", durable=False),
        Subscription("profile", "sign-in-locked", durable=True),
        Subscription("profile", "audited", durable=True),
        Subscription("profile", "help-asked", durable=True),
        Subscription("profile", "device-disabled", durable=True),
        Subscription("profile", "new-devices", durable=True),
        Subscription("profile", "account-enabled", durable=True),
        Subscription("profile", "account-erased", durable=True),
        *(Subscription(keeper, "account-purged", durable=True) for keeper in KEEPERS),
        *(
            Subscription(service, kind, durable=True)
            for service in ("profile", "sessions")
            for kind in KINDS
        ),
    }
