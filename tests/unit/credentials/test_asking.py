"""What is put off while somebody else changes the methods."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from services.credentials.asking import Asking
from services.credentials.errors import CannotBePutOff, SignInOutdated
from services.credentials.kinds import MethodChanges
from services.credentials.method import Method
from services.credentials.method_policy import MethodPolicy
from services.credentials.methods import SecurityInfo
from services.credentials.policy import MethodPolicies
from shared.contracts.methods import PutOffSecurityInfo
from shared.contracts.refusals import Busy
from shared.lease import Lease
from tests.memory.clock import StoppedClock
from tests.memory.credential_policies import MemoryPolicies
from tests.memory.credentials import MemoryMethods
from tests.memory.epochs import MemoryEpochs
from tests.unit.credentials.system import registration

PASSWORD_ALONE = PutOffSecurityInfo(sub="ada", signing_in_under=1)
Change = Callable[[SecurityInfo], SecurityInfo]


@dataclass
class Hurried(MemoryMethods):
    """Somebody else changes the methods after they were read."""

    changes: list[Change] = field(default_factory=list)

    async def security_info(self, sub: str) -> SecurityInfo:
        read = await super().security_info(sub)
        if self.changes:
            changed = self.changes.pop(0)(read)
            self.by_sub[sub] = replace(changed, version=read.version + 1)
        return read


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def store(clock: StoppedClock) -> Hurried:
    return Hurried(MemoryEpochs(clock, epochs={"ada": 1}))


@pytest.fixture
def asking(store: Hurried, clock: StoppedClock) -> Asking:
    kept = MemoryPolicies(
        by_organization={"": MethodPolicy(second_factor="required", skip_days=14)}
    )
    policies = MethodPolicies(kept, Lease(kept.policy_of, clock, clock.pause))
    changes = MethodChanges(store, policies, clock)
    return Asking(store, changes, registration(changes))


async def test_a_factor_that_is_registered_a_moment_before_is_not_got_around(
    asking: Asking, store: Hurried, clock: StoppedClock
) -> None:
    phone = Method("phone", "authenticator", "Phone", clock.now())
    store.changes.append(lambda info: info.with_proved(phone))
    with pytest.raises(SignInOutdated):
        await asking.put_off(PASSWORD_ALONE)
    assert store.by_sub["ada"].asked_since is None


async def test_an_admin_who_asks_a_moment_before_is_heard(asking: Asking, store: Hurried) -> None:
    store.changes.append(SecurityInfo.cleared)
    with pytest.raises(CannotBePutOff):
        await asking.put_off(PASSWORD_ALONE)
    assert store.by_sub["ada"].asked_since is None


async def test_who_is_overtaken_each_time_is_told_to_come_back(
    asking: Asking, store: Hurried
) -> None:
    store.changes += [lambda info: info] * 20
    with pytest.raises(Busy):
        await asking.put_off(PASSWORD_ALONE)
    assert await asking.put_off(PASSWORD_ALONE)
