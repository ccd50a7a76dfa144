"""App passwords: shown once, accepted while their epoch lasts, and good for nothing else."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from services.credentials.app_passwords import AppPasswords
from services.credentials.errors import (
    AppPasswordRefused,
    NotAllowedByPolicy,
    SignInThrottled,
    TooManyAppPasswords,
)
from services.credentials.kinds import MethodChanges
from services.credentials.method import Method
from services.credentials.method_policy import USUAL, MethodPolicy
from services.credentials.methods import MostOfKind, SecurityInfo
from services.credentials.model import Password, fingerprint
from services.credentials.owed import AddressNotice
from services.credentials.policy import MethodPolicies
from services.credentials.throttling import Throttle
from shared.contracts.app_passwords import (
    AppPassword,
    AppPasswordAccepted,
    CheckAppPassword,
    MakeAppPassword,
)
from shared.contracts.events import CredentialChange, Event
from shared.contracts.refusals import Busy
from shared.lease import Lease
from tests.memory.clock import StoppedClock
from tests.memory.credential_policies import MemoryPolicies
from tests.memory.credentials import MemoryCredentials, MemoryMethods
from tests.memory.epochs import MemoryEpochs
from tests.memory.guesses import MemoryCounters, MemoryGuesses

PEPPER = b"a pepper of it"
ALLOWED = MethodPolicy(USUAL | {"app-password"})


@dataclass
class Mail:
    """A mail server, and Ada, whose organization allows app passwords."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    epochs: MemoryEpochs = field(default_factory=lambda: MemoryEpochs(epochs={"ada": 1, "eve": 1}))

    def __post_init__(self) -> None:
        ada = Password("ada", "ada@example.org", "hash", False, 1, self.clock.now(), (), "halden")
        eve = replace(ada, sub="eve", user_id="eve@example.org")
        accounts = MemoryCredentials(self.epochs, {"ada": ada, "eve": eve})
        self.kept = MemoryPolicies(accounts, {"halden": ALLOWED})
        lease = Lease(self.kept.policy_of, self.clock, self.clock.pause)
        self.methods = MemoryMethods(self.epochs)
        self.guesses = MemoryGuesses(self.clock)
        self.app_passwords = AppPasswords(
            accounts,
            self.methods,
            MethodChanges(self.methods, MethodPolicies(self.kept, lease), self.clock),
            Throttle(self.guesses, MemoryCounters(self.clock)),
            self.clock,
            PEPPER,
        )

    async def make(self, label: str = "Mail", *, epoch: int = 1) -> AppPassword:
        asked = MakeAppPassword(sub="ada", label=label, epoch=epoch)
        return await self.app_passwords.make(asked)

    async def check(
        self, password: str, user_id: str = "ada@example.org", address: str | None = None
    ) -> AppPasswordAccepted:
        shown = SecretStr(password)
        return await self.app_passwords.check(
            CheckAppPassword(user_id=user_id, app_password=shown, address=address)
        )

    async def is_accepted(self, made: AppPassword) -> bool:
        try:
            await self.check(made.password.get_secret_value())
        except AppPasswordRefused:
            return False
        return True

    def kept_methods(self) -> tuple[Method, ...]:
        return self.methods.by_sub.get("ada", SecurityInfo("ada")).methods


@pytest.fixture
def mail() -> Mail:
    return Mail()


async def test_it_is_accepted_however_it_is_typed_and_says_whose_it_is(mail: Mail) -> None:
    made = await mail.make("Mail on the laptop")
    shown = made.password.get_secret_value()
    for typed in (shown, shown.upper(), shown.replace("-", " "), shown.replace("-", "")):
        assert await mail.check(typed, " ADA@Example.org") == AppPasswordAccepted(
            sub="ada", user_id="ada@example.org", method_id=made.id, label="Mail on the laptop"
        )


async def test_it_has_128_random_bits_and_is_kept_as_a_keyed_hash_alone(mail: Mail) -> None:
    made = [(await mail.make()).password.get_secret_value() for _ in range(2)]
    assert made[0] != made[1]
    for password in made:
        groups = password.split("-")
        assert [len(each) for each in groups] == [4] * 7
        # There are 30 signs, and 30 to the power of 27 is more than 2 to that of 128.
        assert set("".join(groups)) <= set("23456789abcdefghjkmnpqrstvwxyz")
        assert "".join(groups) not in str(mail.kept_methods()).replace("-", "")


async def test_refusals_say_nothing_and_read_the_same(mail: Mail) -> None:
    made = await mail.make()
    shown = made.password.get_secret_value()
    asked, read = [], mail.methods.settled

    async def noting(sub: str) -> tuple[SecurityInfo, int]:
        asked.append(sub)
        return await read(sub)

    mail.methods.settled = noting  # type: ignore[method-assign]
    for password, user_id in (
        ("wrong", "ada@example.org"),
        ("", "ada@example.org"),
        (f"{shown}2", "ada@example.org"),
        (shown[:-1], "ada@example.org"),
        (shown, "eve@example.org"),
        (shown, ""),
    ):
        with pytest.raises(AppPasswordRefused) as refused:
            await mail.check(password, user_id)
        assert refused.value.body() == {"type": "/problems/app-password-refused", "status": 401}
    assert len(asked) == 6
    assert await mail.is_accepted(made)


async def test_where_policy_does_not_allow_it_none_is_made_or_accepted(mail: Mail) -> None:
    made = await mail.make()
    mail.kept.by_organization.clear()
    mail.clock.advance(2)
    with pytest.raises(NotAllowedByPolicy):
        await mail.make()
    assert not await mail.is_accepted(made)
    mail.kept.by_organization["halden"] = ALLOWED
    mail.clock.advance(2)
    assert await mail.is_accepted(made)


async def test_it_ends_with_the_epoch_that_it_was_made_under(mail: Mail) -> None:
    before = await mail.make()
    mail.epochs.epochs["ada"] = 2
    assert not await mail.is_accepted(before)
    after = await mail.make(epoch=2)
    assert await mail.is_accepted(after)
    assert [each.id for each in mail.kept_methods()] == [after.id]


async def test_it_is_nobody_elses_even_where_somebody_writes_it_to_their_account(
    mail: Mail,
) -> None:
    made = await mail.make()
    mail.methods.by_sub["eve"] = replace(mail.methods.by_sub["ada"], sub="eve")
    with pytest.raises(AppPasswordRefused):
        await mail.check(made.password.get_secret_value(), "eve@example.org")


async def test_a_session_that_was_overtaken_makes_nothing_that_works(mail: Mail) -> None:
    mail.epochs.epochs["ada"] = 2
    kept = await mail.make(epoch=2)
    late = await mail.make(epoch=1)
    assert not await mail.is_accepted(late)
    assert await mail.is_accepted(kept)


async def test_fifty_at_once_are_never_more_than_forty(mail: Mail) -> None:
    outcomes = await asyncio.gather(
        *(mail.make(str(number)) for number in range(50)), return_exceptions=True
    )
    made = [each for each in outcomes if isinstance(each, AppPassword)]
    assert len(mail.kept_methods()) == len(made) <= MostOfKind["app-password"] == 40
    assert all(isinstance(each, AppPassword | TooManyAppPasswords | Busy) for each in outcomes)
    while len(mail.kept_methods()) < 40:
        await mail.make()
    with pytest.raises(TooManyAppPasswords):
        await mail.make()
    # Those that are over make room.
    mail.epochs.epochs["ada"] = 2
    await mail.make(epoch=2)
    assert len(mail.kept_methods()) == 1


async def test_its_last_use_is_noted_once_a_minute_and_no_other_change_is_lost(mail: Mail) -> None:
    made = await mail.make()
    begun, versions = mail.clock.now(), []
    for _ in range(5):
        assert await mail.is_accepted(made)
        versions.append(mail.methods.by_sub["ada"].version)
        mail.clock.advance(20)
    assert versions == [2, 2, 2, 3, 3]
    assert mail.kept_methods()[0].last_used_at == begun + timedelta(seconds=60)
    assert len(mail.epochs.outbox) == 1

    mail.clock.advance(60)
    put = mail.methods.put

    async def too_late(
        changed: SecurityInfo,
        event: Event | None,
        notices: Sequence[AddressNotice] = (),
        also: Sequence[Event] = (),
    ) -> None:
        mail.methods.by_sub["ada"] = replace(changed, version=changed.version + 1, methods=())
        await put(changed, event, notices, also)

    mail.methods.put = too_late  # type: ignore[method-assign]
    assert await mail.is_accepted(made)
    assert mail.kept_methods() == ()


async def test_it_is_no_factor_and_no_sign_in_looks_at_it(mail: Mail) -> None:
    await mail.make()
    info = mail.methods.by_sub["ada"]
    assert (info.factors, info.challenging, info.default, info.is_guarding) == ((), (), None, False)
    assert mail.epochs.guarded == {"ada": False}
    (method,) = info.methods
    assert (method.use, method.is_factor) == ((), False)
    required = replace(ALLOWED, second_factor="required")
    assert required.asks_to_register(info)
    required.require_none(info)
    required.require_one_left(info, info.without(method.id))
    (event,) = mail.epochs.outbox.values()
    assert isinstance(event, CredentialChange)
    assert (event.payload.credential_type, event.payload.cause) == ("app-password", "method-added")


async def test_recovery_codes_go_with_the_last_factor_although_one_is_left(mail: Mail) -> None:
    await mail.make()
    at, info = mail.clock.now(), mail.methods.by_sub["ada"]
    phone = Method("phone", "authenticator", "Phone", at, proved=True)
    codes = Method("codes", "recovery-codes", "", at, proved=True, codes=("one",))
    full = replace(info, methods=(*info.methods, phone, codes), default="phone")
    left = full.without("phone")
    assert ([each.kind for each in left.methods], left.default) == (["app-password"], None)


async def test_a_flood_of_guesses_at_one_account_is_stopped_where_it_comes_from(
    mail: Mail,
) -> None:
    made = await mail.make()
    shown = made.password.get_secret_value()
    for address in (None, "192.0.2.7"):
        for number in range(600):
            with pytest.raises(AppPasswordRefused):
                await mail.check(f"wrong {number}", address=address)
        with pytest.raises(SignInThrottled):
            await mail.check(shown, address=address)
    await mail.check(shown, address="192.0.2.8")
    with pytest.raises(AppPasswordRefused):
        await mail.check("wrong", "eve@example.org")
    mail.clock.advance(61)
    assert await mail.is_accepted(made)


@pytest.mark.parametrize("address", [None, "192.0.2.7"])
async def test_programs_with_old_passwords_lock_no_other_out(
    mail: Mail, address: str | None
) -> None:
    old = [(await mail.make()).password.get_secret_value() for _ in range(5)]
    mail.epochs.epochs["ada"] = 2
    made = await mail.make(epoch=2)
    for _ in range(50):
        for each in old:
            with pytest.raises(AppPasswordRefused):
                await mail.check(each, address=address)
    await mail.check(made.password.get_secret_value(), address=address)


async def test_an_address_has_its_guesses_counted_over_all_accounts(mail: Mail) -> None:
    made = await mail.make()
    for number in range(600):
        with pytest.raises(AppPasswordRefused):
            await mail.check("wrong", f"{number}@example.org", "192.0.2.7")
    shown = made.password.get_secret_value()
    with pytest.raises(SignInThrottled):
        await mail.check(shown, address="192.0.2.7")
    await mail.check(shown, address="192.0.2.8")
    await mail.check(shown)
    # At the portal, where the address is counted under this, nothing was guessed.
    assert fingerprint(PEPPER, "address", "192.0.2.7") not in mail.guesses.by_key
