"""Codes that are sent: each once, for what it was sent for, and never too many."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from pydantic import SecretStr

from services.credentials.errors import (
    CodeNotSent,
    CodeRefused,
    KindNotAvailable,
    MethodExists,
    MethodNotFound,
    NotADefault,
    SetupEnded,
    SignInOutdated,
    SignInThrottled,
    TooManyCodes,
    TooManyMethods,
)
from services.credentials.keyring import Keyring
from services.credentials.kinds import MethodChanges
from services.credentials.notices import TEXTS
from services.credentials.out_of_band import OutOfBand, hint_of
from services.credentials.passkeys import RelyingParty
from services.credentials.policy import MethodPolicies
from services.credentials.recovery_codes import RecoveryCodes
from services.credentials.security_info import SecurityInformation
from services.credentials.sending import Sending
from services.credentials.throttling import Throttle
from services.credentials.totp import Authenticators
from services.credentials.webauthn import Passkeys
from shared.contracts.methods import (
    AnswerChallenge,
    BeginChallenge,
    ChallengeAnswered,
    ChooseDefault,
    EnrollSent,
    ListMethods,
    Method,
    ProveMethod,
    Removed,
    RemoveMethod,
    SentKind,
    SentKinds,
    SentSetup,
)
from shared.lease import Lease
from shared.texts import Catalogues
from tests.memory.clock import StoppedClock
from tests.memory.credential_policies import MemoryPolicies
from tests.memory.credentials import MemoryCarrier, MemoryMethods, MemoryOneTimes
from tests.memory.epochs import MemoryEpochs
from tests.memory.guesses import MemoryCounters, MemoryGuesses, MemoryQuotas
from tests.unit.credentials.system import reset_policies

NUMBER, OTHER = "+494215550147", "+494215550148"
MAIL = "jo@halden.example"


@dataclass
class People:
    """Ada and Eve, and whatever is sent to anybody."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    carrier: MemoryCarrier = field(default_factory=MemoryCarrier)

    def __post_init__(self) -> None:
        self.epochs = MemoryEpochs(epochs={"ada": 1, "eve": 1})
        self.store = MemoryMethods(self.epochs)
        self.one_times = MemoryOneTimes(self.clock)
        kept = MemoryPolicies()
        policies = MethodPolicies(kept, Lease(kept.policy_of, self.clock, self.clock.pause))
        changes = MethodChanges(self.store, policies, self.clock)
        ring, pepper = Keyring.parse(f"test:{'07' * 32}"), b"a pepper of it"
        sending = Sending(dict.fromkeys(SentKinds, self.carrier), MemoryQuotas(self.clock), pepper)
        self.info = SecurityInformation(
            self.store,
            changes,
            Throttle(MemoryGuesses(self.clock), MemoryCounters(self.clock)),
            Authenticators(changes, ring, self.clock),
            RecoveryCodes(changes, self.clock, pepper),
            Passkeys(
                changes,
                self.one_times,
                RelyingParty.at("https://portal.example"),
                self.clock,
                pepper,
            ),
            OutOfBand(
                changes, self.one_times, sending, ring, Catalogues.load(*TEXTS), self.clock, pepper
            ),
            self.clock,
            pepper,
            reset_policies(self.clock),
        )

    async def enroll(
        self, to: str = NUMBER, kind: SentKind = "sms", *, sub: str = "ada", language: str = "en"
    ) -> SentSetup:
        return await self.info.out_of_band.enroll(
            EnrollSent(sub=sub, kind=kind, target=SecretStr(to), language=language)
        )

    async def prove(self, setup: SentSetup, code: str, *, sub: str = "ada") -> Method:
        proved = await self.info.prove(
            ProveMethod(
                sub=sub, id=setup.id, answer=SecretStr(code), binding=setup.id,
                address="192.0.2.7", sid="here",
            )
        )  # fmt: skip
        return proved.method

    async def added(self, to: str = NUMBER, kind: SentKind = "sms", *, sub: str = "ada") -> Method:
        setup = await self.enroll(to, kind, sub=sub)
        return await self.prove(setup, self.carrier.code(to), sub=sub)

    async def again(self, setup: SentSetup) -> None:
        asked = BeginChallenge(sub="ada", id=setup.id, binding=setup.id, language="en")
        await self.info.send_again(asked)

    async def begin(self, method_id: str, binding: str = "flow", *, sub: str = "ada") -> str:
        """Begin a challenge and return the code that was sent."""
        await self.info.begin(BeginChallenge(sub=sub, id=method_id, binding=binding))
        return self.carrier.code(NUMBER)

    async def answer(
        self, method_id: str, code: str, binding: str = "flow", *, sub: str = "ada", epoch: int = 1
    ) -> ChallengeAnswered:
        return await self.info.answer(
            AnswerChallenge(
                sub=sub, epoch=epoch, id=method_id, answer=SecretStr(code), binding=binding,
                address="192.0.2.7",
            )
        )  # fmt: skip

    async def methods(self, sub: str = "ada") -> tuple[Method, ...]:
        return (await self.info.list(ListMethods(sub=sub))).items

    async def remove(self, method_id: str) -> Removed:
        return await self.info.remove(RemoveMethod(sub="ada", id=method_id))


@pytest.fixture
def people() -> People:
    return People()


@pytest.mark.asvs("6.6.1")
@pytest.mark.parametrize(
    ("kind", "to", "hint", "amr", "use"),
    [
        ("email", MAIL, "j…@halden.example", "otp", ("reset",)),
        ("sms", NUMBER, "+49 … 47", "sms", ("mfa", "reset")),
        ("voice", NUMBER, "+49 … 47", "tel", ("mfa", "reset")),
    ],
)
async def test_it_counts_only_once_the_code_was_shown(
    people: People, kind: SentKind, to: str, hint: str, amr: str, use: tuple[str, ...]
) -> None:
    setup = await people.enroll(to, kind)
    assert setup.hint == hint
    assert await people.methods() == ()
    (message,) = people.carrier.messages
    assert (message.kind, message.to) == (kind, to)
    await people.prove(setup, people.carrier.code(to))
    (method,) = await people.methods()
    assert (method.kind, method.hint, method.label, method.use) == (kind, hint, "", use)
    assert people.info.out_of_band.by(kind).amr == amr


async def test_neither_number_nor_address_is_kept_open(people: People) -> None:
    await people.added()
    await people.added(MAIL, "email")
    kept = f"{people.store.by_sub}{people.one_times.by_name}{people.epochs.outbox}"
    assert NUMBER not in kept
    assert NUMBER[1:] not in kept
    assert MAIL not in kept


async def test_no_code_is_kept_open(people: People) -> None:
    await people.enroll()
    assert people.carrier.code(NUMBER) not in f"{people.one_times.by_name}"


async def test_mail_is_for_the_reset_only(people: People) -> None:
    mail = await people.added(MAIL, "email")
    assert not mail.is_factor
    assert (await people.store.security_info("ada")).challenging == ()
    with pytest.raises(MethodNotFound):
        await people.begin(mail.id)
    with pytest.raises(MethodNotFound):
        await people.answer(mail.id, "12345678")
    with pytest.raises(NotADefault):
        await people.info.choose_default(ChooseDefault(sub="ada", id=mail.id))
    phone = await people.added()
    info = await people.store.security_info("ada")
    assert (info.default, [each.id for each in info.challenging]) == (phone.id, [phone.id])


@pytest.mark.parametrize(
    "wrong",
    ["", "1", "123456789", "0000000a", "-1234567", "+1234567"],
)
async def test_what_is_no_code_is_refused(people: People, wrong: str) -> None:
    setup = await people.enroll()
    with pytest.raises(CodeRefused):
        await people.prove(setup, wrong)
    assert await people.methods() == ()


@pytest.mark.parametrize("zero", [0x0660, 0xFF10, 0x1D7CE], ids=["arabic", "wide", "bold"])
async def test_the_right_code_in_other_digits_is_refused(people: People, zero: int) -> None:
    setup = await people.enroll()
    code = people.carrier.code(NUMBER)
    with pytest.raises(CodeRefused):
        await people.prove(setup, "".join(chr(zero + int(each)) for each in code))
    await people.prove(setup, code)


async def test_a_code_may_be_typed_in_groups(people: People) -> None:
    setup = await people.enroll()
    code = people.carrier.code(NUMBER)
    await people.prove(setup, f" {code[:4]}-{code[4:]} ")


@pytest.mark.asvs("6.5.1")
async def test_a_code_works_once(people: People) -> None:
    phone = await people.added()
    code = await people.begin(phone.id)
    assert (await people.answer(phone.id, code)).factor == phone.id
    with pytest.raises(CodeRefused):
        await people.answer(phone.id, code)


async def test_of_fifty_right_answers_one_wins(people: People) -> None:
    phone = await people.added()
    code = await people.begin(phone.id)
    outcomes = await asyncio.gather(
        *(people.answer(phone.id, code) for _ in range(50)), return_exceptions=True
    )
    assert sum(isinstance(each, ChallengeAnswered) for each in outcomes) == 1
    assert all(
        isinstance(each, ChallengeAnswered | CodeRefused | SignInThrottled) for each in outcomes
    )


@pytest.mark.asvs("6.5.5")
async def test_a_code_works_for_five_minutes(people: People) -> None:
    phone = await people.added()
    code = await people.begin(phone.id)
    people.clock.advance(300)
    with pytest.raises(CodeRefused):
        await people.answer(phone.id, code)
    code = await people.begin(phone.id)
    people.clock.advance(299)
    await people.answer(phone.id, code)


async def test_a_new_code_ends_the_one_before(people: People) -> None:
    phone = await people.added()
    older, newer = await people.begin(phone.id), await people.begin(phone.id)
    with pytest.raises(CodeRefused):
        await people.answer(phone.id, older)
    await people.answer(phone.id, newer)


async def test_a_code_for_adding_can_be_sent_again_and_ends_the_one_before(
    people: People,
) -> None:
    setup = await people.enroll()
    older = people.carrier.code(NUMBER)
    await people.again(setup)
    with pytest.raises(CodeRefused):
        await people.prove(setup, older)
    await people.prove(setup, people.carrier.code(NUMBER))
    with pytest.raises(SetupEnded):
        await people.again(setup)


@pytest.mark.asvs("6.6.2")
async def test_a_code_is_worth_nothing_for_anything_else(people: People) -> None:
    phone, voice = await people.added(), await people.added(kind="voice")
    eves = await people.added(sub="eve")
    code = await people.begin(phone.id)
    for asked in (
        people.answer(phone.id, code, "another flow"),
        people.answer(phone.id, code, phone.id),
        people.answer(voice.id, code),
        people.answer(eves.id, code, sub="eve"),
    ):
        with pytest.raises(CodeRefused):
            await asked
    with pytest.raises(MethodNotFound):
        await people.answer(phone.id, code, sub="eve")
    await people.answer(phone.id, code)


async def test_the_code_of_another_setup_adds_nothing(people: People) -> None:
    await people.enroll()
    code = people.carrier.code(NUMBER)
    other = await people.enroll(OTHER)
    with pytest.raises(CodeRefused):
        await people.prove(other, code)


async def test_a_challenge_from_before_the_epoch_was_raised_takes_no_code(people: People) -> None:
    phone = await people.added()
    code = await people.begin(phone.id)
    people.epochs.epochs["ada"] = 2
    with pytest.raises(SignInOutdated):
        await people.answer(phone.id, code)


@pytest.mark.asvs("6.6.3")
async def test_nobody_guesses_more_than_ten_times(people: People) -> None:
    phone = await people.added()
    code = await people.begin(phone.id)
    wrong = [f"{number:08}" for number in range(11) if f"{number:08}" != code][:10]
    for each in wrong:
        with pytest.raises(CodeRefused):
            await people.answer(phone.id, each)
    with pytest.raises(SignInThrottled):
        await people.answer(phone.id, code)


async def test_the_same_number_is_added_once_for_each_use(people: People) -> None:
    await people.added()
    with pytest.raises(MethodExists):
        await people.enroll()
    await people.added(MAIL, "email")
    with pytest.raises(MethodExists):
        await people.enroll(MAIL.upper(), "email")
    await people.added(kind="voice")
    await people.added(sub="eve")


async def test_two_setups_of_one_number_make_one_method(people: People) -> None:
    first = await people.enroll()
    code = people.carrier.code(NUMBER)
    second = await people.enroll()
    with pytest.raises(SetupEnded):
        await people.prove(first, code)
    await people.prove(second, people.carrier.code(NUMBER))
    assert len(await people.methods()) == 1


async def test_there_are_five_numbers_at_most(people: People) -> None:
    for number in range(5):
        await people.added(f"+4942155501{number:02}")
    with pytest.raises(TooManyMethods):
        await people.enroll(OTHER)


async def test_five_codes_an_hour_are_sent_by_one_method(people: People) -> None:
    phone, voice = await people.added(), await people.added(kind="voice")
    for _ in range(5):
        await people.begin(phone.id)
        people.clock.advance(60)
    with pytest.raises(TooManyCodes) as refused:
        await people.begin(phone.id)
    assert refused.value.retry_after == 3600 - 5 * 60
    # Another method still can, and the first one an hour after its first.
    await people.begin(voice.id)
    people.clock.advance(3600 - 5 * 60)
    await people.begin(phone.id)
    with pytest.raises(TooManyCodes):
        await people.begin(phone.id)


async def test_of_many_at_once_five_are_sent(people: People) -> None:
    phone = await people.added()
    sent = len(people.carrier.messages)
    await asyncio.gather(*(people.begin(phone.id) for _ in range(30)), return_exceptions=True)
    assert len(people.carrier.messages) == sent + 5


async def test_who_shows_a_code_may_be_sent_more(people: People) -> None:
    phone = await people.added()
    for _ in range(12):
        await people.answer(phone.id, await people.begin(phone.id))


async def test_nobody_is_sent_more_than_twenty_an_hour_by_all_methods(people: People) -> None:
    phone = await people.added()
    for _ in range(19):
        await people.answer(phone.id, await people.begin(phone.id))
    with pytest.raises(TooManyCodes):
        await people.begin(phone.id)


async def test_strangers_together_send_a_number_five_an_hour_and_never_shut_its_owner_out(
    people: People,
) -> None:
    phone = await people.added()
    for number in range(4):
        await people.enroll(sub=f"stranger {number}")
    with pytest.raises(TooManyCodes):
        await people.enroll(sub="one more")
    with pytest.raises(TooManyCodes):
        await people.enroll(sub="eve")
    await people.answer(phone.id, await people.begin(phone.id))


async def test_beginning_a_setup_again_does_not_get_around_the_limit(people: People) -> None:
    for _ in range(5):
        await people.enroll()
    with pytest.raises(TooManyCodes):
        await people.enroll()


async def test_what_the_carrier_does_not_take_ends_no_code_that_it_took(people: People) -> None:
    phone = await people.added()
    code = await people.begin(phone.id)
    people.carrier.away = True
    with pytest.raises(CodeNotSent):
        await people.begin(phone.id)
    await people.answer(phone.id, code)


async def test_without_a_carrier_nothing_is_added_and_what_there_is_sends_nothing(
    people: People,
) -> None:
    phone = await people.added()
    sending = replace(people.info.out_of_band.sending, carriers={})
    people.info = replace(
        people.info, out_of_band=replace(people.info.out_of_band, sending=sending)
    )
    with pytest.raises(KindNotAvailable):
        await people.enroll(OTHER)
    with pytest.raises(CodeNotSent):
        await people.begin(phone.id)
    assert (await people.info.list(ListMethods(sub="ada"))).sendable == ()


async def test_a_setup_ends_after_ten_minutes(people: People) -> None:
    setup = await people.enroll()
    people.clock.advance(600)
    with pytest.raises(SetupEnded):
        await people.prove(setup, people.carrier.code(NUMBER))


async def test_a_removed_number_is_sent_nothing(people: People) -> None:
    phone = await people.added()
    code = await people.begin(phone.id)
    await people.remove(phone.id)
    with pytest.raises(MethodNotFound):
        await people.begin(phone.id)
    with pytest.raises(MethodNotFound):
        await people.answer(phone.id, code)
    await people.added()


@pytest.mark.parametrize("kind", SentKinds)
@pytest.mark.parametrize("language", ["en", "de"])
async def test_messages_are_in_the_readers_language_and_lead_nowhere(
    people: People, kind: SentKind, language: str
) -> None:
    await people.enroll(MAIL if kind == "email" else NUMBER, kind, language=language)
    (message,) = people.carrier.messages
    assert message.language == language
    assert ("Niemand wird" if language == "de" else "Nobody will") in message.text
    assert "http" not in message.text
    assert "/" not in message.text
    assert "@" not in message.text


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("+12025550143", "+1 … 43"),
        ("+494215550147", "+49 … 47"),
        ("+353209110047", "+353 … 47"),
        ("+79035550147", "+7 … 47"),
        ("a.very.long.name@mail.example.org", "a…@mail.example.org"),
        ("j@halden.example", "j…@halden.example"),
    ],
)
def test_a_hint_shows_only_what_its_owner_knows_it_by(target: str, hint: str) -> None:
    assert hint_of(target) == hint
