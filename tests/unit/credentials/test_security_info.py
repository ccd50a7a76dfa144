"""Security information: what is proved counts, what is used is used up, and nobody guesses long."""

import asyncio
from dataclasses import dataclass, field, replace

import pyotp
import pytest
from pydantic import SecretStr

from services.credentials.errors import (
    CodeRefused,
    CodeUsed,
    FactorRequired,
    MethodNotFound,
    NotADefault,
    SetupEnded,
    SignInOutdated,
    SignInThrottled,
    TooManyAuthenticators,
)
from services.credentials.keyring import Keyring, Unsealable
from services.credentials.kinds import MethodChanges
from services.credentials.method import place_of
from services.credentials.methods import SecurityInfo
from services.credentials.notices import TEXTS
from services.credentials.out_of_band import OutOfBand
from services.credentials.owed import AddressNotice
from services.credentials.passkeys import RelyingParty
from services.credentials.policy import MethodPolicies
from services.credentials.recovery_codes import RecoveryCodes
from services.credentials.resealing import Resealing
from services.credentials.security_info import SecurityInformation
from services.credentials.sending import Sending
from services.credentials.throttling import Throttle
from services.credentials.totp import Authenticators
from services.credentials.webauthn import Passkeys
from shared.contracts.events import CredentialChange, CredentialChangePayload
from shared.contracts.methods import (
    AnswerChallenge,
    AuthenticatorSetup,
    ChallengeAnswered,
    ChooseDefault,
    EnrollAuthenticator,
    ListMethods,
    MakeRecoveryCodes,
    Method,
    ProveMethod,
    RemoveMethod,
    RenameMethod,
)
from shared.lease import Lease
from shared.texts import Catalogues
from tests.memory.clock import StoppedClock
from tests.memory.credential_policies import MemoryPolicies
from tests.memory.credentials import MemoryMethods, MemoryOneTimes
from tests.memory.epochs import MemoryEpochs
from tests.memory.guesses import MemoryCounters, MemoryGuesses, MemoryQuotas
from tests.unit.credentials.system import reset_policies


@dataclass
class Ada:
    """Somebody with an account, and her phone."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    epochs: MemoryEpochs = field(default_factory=lambda: MemoryEpochs(epochs={"ada": 1}))

    def __post_init__(self) -> None:
        self.store = MemoryMethods(self.epochs)
        throttle = Throttle(MemoryGuesses(self.clock), MemoryCounters(self.clock))
        ring = Keyring.parse(f"test:{'07' * 32}")
        kept = MemoryPolicies()
        self.policies = MethodPolicies(kept, Lease(kept.policy_of, self.clock, self.clock.pause))
        changes = MethodChanges(self.store, self.policies, self.clock)
        pepper = b"a pepper of it"
        self.info = SecurityInformation(
            self.store,
            changes,
            throttle,
            Authenticators(changes, ring, self.clock),
            RecoveryCodes(changes, self.clock, pepper),
            Passkeys(
                changes,
                MemoryOneTimes(self.clock),
                RelyingParty.at("https://portal.example"),
                self.clock,
                pepper,
            ),
            OutOfBand(
                changes,
                MemoryOneTimes(self.clock),
                Sending({}, MemoryQuotas(self.clock), pepper),
                ring,
                Catalogues.load(*TEXTS),
                self.clock,
                pepper,
            ),
            self.clock,
            pepper,
            reset_policies(self.clock),
        )

    async def methods(self) -> tuple[Method, ...]:
        return (await self.info.list(ListMethods(sub="ada"))).items

    async def begin(
        self, label: str = "Phone", instead_of: str | None = None
    ) -> AuthenticatorSetup:
        return await self.info.authenticators.enroll(
            EnrollAuthenticator(
                sub="ada", label=label, issuer="Kontor", account="ada@example.org",
                instead_of=instead_of,
            )
        )  # fmt: skip

    def code(self, setup: AuthenticatorSetup, *, steps: int = 0) -> str:
        """Return what the app shows now, or so many steps from now."""
        seconds = int(self.clock.now().timestamp()) + 30 * steps
        return pyotp.TOTP(setup.secret.get_secret_value()).at(seconds)

    async def prove(self, setup: AuthenticatorSetup, code: str | None = None) -> Method:
        proof = SecretStr(code if code is not None else self.code(setup))
        proved = await self.info.prove(
            ProveMethod(sub="ada", id=setup.id, answer=proof, address="192.0.2.7", sid="here")
        )
        return proved.method

    async def authenticator(self, label: str = "Phone") -> AuthenticatorSetup:
        """Set an authenticator up and let its code run out."""
        setup = await self.begin(label)
        await self.prove(setup)
        self.clock.advance(60)
        return setup

    async def answer(
        self, method_id: str, code: str, *, epoch: int = 1, familiar: bool = False
    ) -> ChallengeAnswered:
        return await self.info.answer(
            AnswerChallenge(
                sub="ada", epoch=epoch, id=method_id, answer=SecretStr(code), address="192.0.2.7",
                familiar=familiar,
            )
        )  # fmt: skip

    async def codes(self) -> tuple[str, list[str]]:
        made = await self.info.recovery_codes.make(MakeRecoveryCodes(sub="ada", sid="here"))
        return made.id, [each.get_secret_value() for each in made.codes]

    def under(self, ring: str) -> None:
        """Let the service have another keyring from now on."""
        keyring = Keyring.parse(ring)
        authenticators = replace(self.info.authenticators, keyring=keyring)
        self.info = replace(self.info, authenticators=authenticators)

    async def reseal(self) -> tuple[int, int]:
        keyring = self.info.authenticators.keyring
        return await Resealing(self.store, self.store.notices, self.info.changes, keyring).reseal()

    async def remove(self, method_id: str) -> str | None:
        return (await self.info.remove(RemoveMethod(sub="ada", id=method_id))).default

    def told(self) -> list[CredentialChangePayload]:
        events = self.epochs.outbox.values()
        return [each.payload for each in events if isinstance(each, CredentialChange)]


@pytest.fixture
def ada() -> Ada:
    return Ada()


async def test_an_authenticator_counts_only_once_it_is_proved(ada: Ada) -> None:
    setup = await ada.begin()
    assert await ada.methods() == ()
    with pytest.raises(MethodNotFound):
        await ada.answer(setup.id, ada.code(setup))
    proved = await ada.prove(setup)
    assert proved == (await ada.methods())[0]
    assert (proved.id, proved.kind, proved.label, proved.default) == (
        setup.id, "authenticator", "Phone", True,
    )  # fmt: skip


async def test_a_wrong_code_proves_nothing_and_a_right_one_after_it_does(ada: Ada) -> None:
    setup = await ada.begin()
    with pytest.raises(CodeRefused):
        await ada.prove(setup, "000000" if ada.code(setup) != "000000" else "111111")
    assert await ada.methods() == ()
    await ada.prove(setup)
    assert len(await ada.methods()) == 1


async def test_what_is_not_proved_in_ten_minutes_cannot_be_any_more(ada: Ada) -> None:
    setup = await ada.begin()
    ada.clock.advance(600)
    with pytest.raises(SetupEnded):
        await ada.prove(setup)


async def test_beginning_again_ends_what_was_begun_before(ada: Ada) -> None:
    first, second = await ada.begin(), await ada.begin()
    assert first.secret != second.secret
    with pytest.raises(SetupEnded):
        await ada.prove(first)
    await ada.prove(second)


async def test_the_code_that_proved_it_does_not_work_again(ada: Ada) -> None:
    setup = await ada.begin()
    await ada.prove(setup)
    with pytest.raises(CodeUsed):
        await ada.answer(setup.id, ada.code(setup))


@pytest.mark.asvs("6.5.1")
async def test_each_steps_code_works_once_and_steps_only_rise(ada: Ada) -> None:
    setup = await ada.authenticator()
    before, now = ada.code(setup, steps=-1), ada.code(setup)
    answered = await ada.answer(setup.id, now)
    assert (answered.factor, answered.amr) == (setup.id, "otp")
    for code in (now, before):
        with pytest.raises(CodeUsed):
            await ada.answer(setup.id, code)
    ada.clock.advance(30)
    await ada.answer(setup.id, ada.code(setup))


@pytest.mark.asvs("6.5.1")
async def test_a_clock_that_jumps_back_makes_no_code_work_twice(ada: Ada) -> None:
    setup = await ada.authenticator()
    code = ada.code(setup)
    await ada.answer(setup.id, code)
    ada.clock.advance(-30)
    with pytest.raises(CodeUsed):
        await ada.answer(setup.id, ada.code(setup))


@pytest.mark.asvs("6.5.1")
async def test_of_fifty_at_once_with_one_code_one_gets_in(ada: Ada) -> None:
    setup = await ada.authenticator()
    code = ada.code(setup)
    outcomes = await asyncio.gather(
        *(ada.answer(setup.id, code) for _ in range(50)), return_exceptions=True
    )
    assert sum(isinstance(each, ChallengeAnswered) for each in outcomes) == 1
    assert sum(isinstance(each, CodeUsed) for each in outcomes) == 49


@pytest.mark.asvs("6.5.1")
async def test_of_fifty_at_once_with_one_recovery_code_one_gets_in(ada: Ada) -> None:
    await ada.authenticator()
    method_id, codes = await ada.codes()
    outcomes = await asyncio.gather(
        *(ada.answer(method_id, codes[0]) for _ in range(50)), return_exceptions=True
    )
    assert sum(isinstance(each, ChallengeAnswered) for each in outcomes) == 1
    assert sum(isinstance(each, CodeRefused) for each in outcomes) == 49


@pytest.mark.asvs("6.3.1")
async def test_no_more_than_ten_guesses_are_evaluated_before_the_lock(ada: Ada) -> None:
    setup = await ada.authenticator()
    right = ada.code(setup)
    wrong = [f"{number:06}" for number in range(200) if f"{number:06}" != right]
    outcomes = await asyncio.gather(
        *(ada.answer(setup.id, each) for each in wrong), return_exceptions=True
    )
    assert sum(isinstance(each, CodeRefused) for each in outcomes) == 10
    assert sum(isinstance(each, SignInThrottled) for each in outcomes) == len(wrong) - 10
    with pytest.raises(SignInThrottled):
        await ada.answer(setup.id, right)
    # The owner's own device is counted apart.
    await ada.answer(setup.id, right, familiar=True)


async def test_a_challenge_ends_with_the_epoch_and_its_code_is_not_used_up(ada: Ada) -> None:
    setup = await ada.authenticator()
    ada.epochs.epochs["ada"] = 2
    with pytest.raises(SignInOutdated):
        await ada.answer(setup.id, ada.code(setup), epoch=1)
    await ada.answer(setup.id, ada.code(setup), epoch=2)


async def test_recovery_codes_need_a_factor_and_go_with_the_last_one(ada: Ada) -> None:
    with pytest.raises(FactorRequired):
        await ada.codes()
    setup = await ada.authenticator()
    await ada.codes()
    assert [each.kind for each in await ada.methods()] == ["authenticator", "recovery-codes"]
    assert await ada.remove(setup.id) is None
    assert await ada.methods() == ()


async def test_recovery_codes_that_are_used_up_are_not_asked_for_and_go_all_the_same(
    ada: Ada,
) -> None:
    setup = await ada.authenticator()
    method_id, codes = await ada.codes()
    for code in codes:
        await ada.answer(method_id, code)
    info = await ada.store.security_info("ada")
    assert [each.id for each in info.challenging] == [setup.id]
    await ada.remove(setup.id)
    assert await ada.methods() == ()


async def test_what_rests_on_codes_that_go_is_told_of_too(ada: Ada) -> None:
    setup = await ada.authenticator()
    older, _ = await ada.codes()
    newer, _ = await ada.codes()
    replaced = ada.told()[-1]
    assert (replaced.change_type, replaced.method, replaced.kept) == ("update", older, "here")
    removed = await ada.info.remove(RemoveMethod(sub="ada", id=setup.id))
    assert removed.gone == (setup.id, newer)
    told = ada.told()[-1]
    assert (told.change_type, told.method, told.also) == ("delete", setup.id, (newer,))


async def test_a_secret_that_no_key_opens_keeps_no_other_from_being_sealed_anew(ada: Ada) -> None:
    await ada.authenticator()
    lost = replace(ada.store.by_sub["ada"], sub="aaron")
    ada.store.by_sub = {"aaron": lost, **ada.store.by_sub}
    ada.under(f"new:{'08' * 32},test:{'07' * 32}")
    assert await ada.reseal() == (1, 1)
    assert ada.store.by_sub["aaron"] == lost


async def test_guesses_elsewhere_keep_nobody_from_proving_a_method(ada: Ada) -> None:
    setup = await ada.authenticator()
    for number in range(10):
        with pytest.raises(CodeRefused):
            await ada.answer(setup.id, f"{number:06}")
    await ada.prove(await ada.begin("Tablet"))


@pytest.mark.asvs("6.5.1")
async def test_a_recovery_code_works_once_however_it_is_typed(ada: Ada) -> None:
    await ada.authenticator()
    method_id, codes = await ada.codes()
    assert len(set(codes)) == 10
    typed = codes[0].upper().replace("-", " ")
    assert (await ada.answer(method_id, typed)).codes_left == 9
    with pytest.raises(CodeRefused):
        await ada.answer(method_id, codes[0])
    assert [each.codes_left for each in await ada.methods()] == [None, 9]


async def test_new_recovery_codes_end_the_older_ones(ada: Ada) -> None:
    await ada.authenticator()
    older_id, older = await ada.codes()
    newer_id, newer = await ada.codes()
    with pytest.raises(MethodNotFound):
        await ada.answer(older_id, older[0])
    with pytest.raises(CodeRefused):
        await ada.answer(newer_id, older[0])
    await ada.answer(newer_id, newer[0])


async def test_there_are_five_authenticators_at_most(ada: Ada) -> None:
    made = [await ada.authenticator(f"Phone {number}") for number in range(5)]
    with pytest.raises(TooManyAuthenticators):
        await ada.begin("The sixth")
    # One more does not arise from setting one of them up again.
    again = await ada.begin("Phone 0", instead_of=made[0].id)
    await ada.prove(again)
    assert len(await ada.methods()) == 5


async def test_setting_up_again_replaces_only_once_the_new_one_is_proved(ada: Ada) -> None:
    old = await ada.authenticator()
    new = await ada.begin("New phone", instead_of=old.id)
    await ada.answer(old.id, ada.code(old))
    await ada.prove(new)
    (method,) = await ada.methods()
    assert (method.id, method.default) == (new.id, True)
    with pytest.raises(MethodNotFound):
        await ada.answer(old.id, ada.code(old, steps=1))
    replaced = ada.told()[-1]
    assert (replaced.change_type, replaced.method, replaced.kept) == ("update", old.id, "here")


async def test_deleting_the_default_promotes_the_oldest_other_one(ada: Ada) -> None:
    first, second, third = [await ada.authenticator(f"Phone {number}") for number in range(3)]
    await ada.info.choose_default(ChooseDefault(sub="ada", id=third.id))
    assert await ada.remove(third.id) == first.id
    assert await ada.remove(second.id) == first.id
    assert await ada.remove(first.id) is None


async def test_recovery_codes_are_never_the_default(ada: Ada) -> None:
    await ada.authenticator()
    method_id, _ = await ada.codes()
    with pytest.raises(NotADefault):
        await ada.info.choose_default(ChooseDefault(sub="ada", id=method_id))


async def test_a_method_is_called_what_its_owner_likes(ada: Ada) -> None:
    setup = await ada.authenticator()
    await ada.info.rename(RenameMethod(sub="ada", id=setup.id, label="Old phone"))
    assert [each.label for each in await ada.methods()] == ["Old phone"]


async def test_somebody_elses_method_is_none(ada: Ada) -> None:
    setup = await ada.authenticator()
    with pytest.raises(MethodNotFound):
        await ada.info.remove(RemoveMethod(sub="eve", id=setup.id))
    with pytest.raises(MethodNotFound):
        await ada.info.rename(RenameMethod(sub="eve", id=setup.id, label="Mine"))
    assert len(await ada.methods()) == 1


async def test_others_are_told_of_every_change_and_of_no_secret(ada: Ada) -> None:
    setup = await ada.authenticator()
    method_id, codes = await ada.codes()
    await ada.answer(method_id, codes[0])
    await ada.remove(setup.id)
    assert [(each.credential_type, each.change_type, each.method) for each in ada.told()] == [
        ("app", "create", setup.id),
        ("recovery-codes", "create", method_id),
        ("recovery-codes", "revoke", method_id),
        ("app", "delete", setup.id),
    ]
    assert all(each.epoch is None and each.receipt is None for each in ada.told())
    kept = f"{ada.store.by_sub} {ada.epochs.outbox}"
    assert not any(each in kept for each in (setup.secret.get_secret_value(), *codes))


async def test_secrets_are_sealed_anew_under_the_newest_key_and_work_as_before(ada: Ada) -> None:
    first, second = await ada.authenticator("First"), await ada.authenticator("Second")
    before = await ada.methods()
    ada.under(f"new:{'08' * 32},test:{'07' * 32}")
    assert await ada.reseal() == (2, 0)
    assert await ada.reseal() == (0, 0)
    ada.under(f"new:{'08' * 32}")
    for setup in (first, second):
        await ada.answer(setup.id, ada.code(setup))
    assert [each.id for each in await ada.methods()] == [each.id for each in before]
    ada.under(f"test:{'07' * 32}")
    ada.clock.advance(60)
    with pytest.raises(Unsealable):
        await ada.answer(first.id, ada.code(first))


async def test_an_address_that_a_mail_is_owed_to_is_sealed_anew_too(ada: Ada) -> None:
    older, newer = f"old:{'07' * 32}", f"new:{'08' * 32}"
    for method_id, place in (("mail", place_of("ada", "mail")), ("moved", "another place")):
        sealed = Keyring.parse(older).seal(place, b"ada@mail.example")
        ada.store.notices.owe(
            AddressNotice(
                method_id, "ada", method_id, sealed, None, "method-removed", ada.clock.now()
            )
        )
    ada.under(f"{newer},{older}")
    assert await ada.reseal() == (0, 1)
    notice, _ = ada.store.notices.owed["mail"]
    assert Keyring.parse(newer).open(notice.place, notice.sealed) == b"ada@mail.example"


async def test_sealing_anew_takes_nothing_back_that_happens_meanwhile(ada: Ada) -> None:
    setup = await ada.authenticator()
    code = ada.code(setup)
    ada.under(f"new:{'08' * 32},test:{'07' * 32}")
    resealed, answered = await asyncio.gather(ada.reseal(), ada.answer(setup.id, code))
    assert (resealed, answered.factor) == ((1, 0), setup.id)
    with pytest.raises(CodeUsed):
        await ada.answer(setup.id, code)
    (kept,) = ada.store.by_sub["ada"].methods
    assert ada.info.authenticators.keyring.key_of(kept.sealed) == "new"


async def test_changes_at_once_all_happen(ada: Ada) -> None:
    made = [await ada.authenticator(f"Phone {number}") for number in range(4)]
    await asyncio.gather(
        ada.remove(made[0].id),
        ada.info.rename(RenameMethod(sub="ada", id=made[1].id, label="Renamed")),
        ada.info.choose_default(ChooseDefault(sub="ada", id=made[2].id)),
        ada.answer(made[3].id, ada.code(made[3])),
    )
    after = await ada.methods()
    assert [each.label for each in after] == ["Renamed", "Phone 2", "Phone 3"]
    assert [each.default for each in after] == [False, True, False]
    assert after[2].last_used_at == ada.clock.now()


async def test_a_code_that_was_taken_since_the_methods_were_read_is_refused(ada: Ada) -> None:
    setup = await ada.authenticator()
    code, read = ada.code(setup), ada.store.security_info

    async def taken_meanwhile(sub: str) -> SecurityInfo:
        found = await read(sub)
        ada.store.security_info = read  # type: ignore[method-assign]
        await ada.answer(setup.id, code)
        return found

    ada.store.security_info = taken_meanwhile  # type: ignore[method-assign]
    with pytest.raises(CodeUsed):
        await ada.answer(setup.id, code)
