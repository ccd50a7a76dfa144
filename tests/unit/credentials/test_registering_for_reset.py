"""Whom a sign-in asks to register for resets, where no carrier brings a code to anybody."""

from collections.abc import Collection

import pytest

from services.credentials.kinds import MethodChanges
from services.credentials.method import Method
from services.credentials.method_policy import MethodPolicy
from services.credentials.methods import SecurityInfo
from services.credentials.policy import MethodPolicies
from services.credentials.reset_policy import ResetPolicy
from services.credentials.reset_registration import ResetRegistration
from shared.contracts.methods import SentKind
from shared.contracts.records import OfRecord
from shared.lease import Lease
from tests.memory.clock import StoppedClock
from tests.memory.credential_policies import MemoryPolicies, MemoryResetPolicies
from tests.memory.credentials import MemoryMethods
from tests.memory.epochs import MemoryEpochs
from tests.unit.credentials.system import registration

CLOCK = StoppedClock()
NOTHING = SecurityInfo("ada")


def sending(sendable: Collection[SentKind], policy: ResetPolicy) -> ResetRegistration:
    """Return what tells whom to ask where codes of these kinds alone go out."""
    kept, resets = MemoryPolicies(), MemoryResetPolicies(by_organization={"": policy})
    policies = MethodPolicies(kept, Lease(kept.policy_of, CLOCK))
    methods = MethodChanges(MemoryMethods(MemoryEpochs(CLOCK)), policies, CLOCK)
    return registration(methods, resets, sendable)


@pytest.mark.parametrize(
    ("sendable", "required", "is_asked"),
    [
        ((), 1, False),
        (("email",), 1, True),
        (("email",), 2, False),
        (("sms", "voice"), 2, False),
        (("email", "sms"), 2, True),
    ],
)
async def test_who_could_be_sent_no_code_is_not_asked(
    sendable: tuple[SentKind, ...], required: int, *, is_asked: bool
) -> None:
    policy = ResetPolicy(
        "everyone", methods=frozenset({"email", "sms", "voice"}), methods_required=required
    )
    demands = await sending(sendable, policy).demands(MethodPolicy(), None, OfRecord())
    assert demands.kinds == sendable
    assert demands.asks_to_register(NOTHING) is is_asked


async def test_what_was_registered_while_codes_went_out_counts_beside_what_may_be_now() -> None:
    policy = ResetPolicy(
        "everyone", methods=frozenset({"email", "authenticator"}), methods_required=2
    )
    demands = await sending((), policy).demands(MethodPolicy(), None, OfRecord())
    assert not demands.asks_to_register(NOTHING)
    mail = Method("mail", "email", "", CLOCK.now(), proved=True)
    assert demands.asks_to_register(SecurityInfo("ada", methods=(mail,)))
