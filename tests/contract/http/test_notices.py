"""What people are told of each change, from the call that makes it to the mail and the page."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from services.credentials.keyring import Keyring
from services.credentials.lockout import Lockouts
from services.credentials.notices import TEXTS, AddressNotices
from services.gateway.model import Caller
from services.profile.notices import Notices
from services.sessions.revocation import Revocations
from shared.contracts.events import CredentialChange, SignInLocked
from shared.contracts.methods import LastChange
from shared.mail import Mail
from shared.texts import Catalogues
from tests.contract.http.gateway import Gateway, key, refused
from tests.contract.http.test_security_info import Kim as KimWithApp
from tests.contract.http.test_sent_codes import Kim
from tests.memory.guesses import MemoryLocks
from tests.memory.profile import MemoryNotices, Postbox

MAIL, OTHER, ACCOUNT_MAIL = "kim@mail.example", "kim@other.example", "kim@halden.example"
WORDS = Catalogues.load(*TEXTS)
PORTAL, DOMAIN = "https://portal.example", "mail.example"


@dataclass
class Mailers:
    """What mails, in both services, and what the bus brings from one to the other."""

    gateway: Gateway
    postbox: Postbox = field(default_factory=Postbox)

    def __post_init__(self) -> None:
        memory = self.gateway.services.memory
        self.epochs, self.clock = memory.epochs, memory.clock
        self.sessions = Revocations(memory.sessions, self.clock)
        store = MemoryNotices(self.clock, self.epochs)
        self.profile = Notices(store, memory.people, self.postbox, WORDS, PORTAL, DOMAIN)
        self.credentials = AddressNotices(
            memory.methods.notices,
            memory.credentials,
            Keyring.parse(f"test:{'07' * 32}"),
            self.postbox,
            WORDS,
            PORTAL,
            DOMAIN,
        )
        self.lockouts = Lockouts(MemoryLocks(memory.guesses, memory.credentials), self.clock)

    async def deliver(self) -> Sequence[Mail]:
        """Bring every event twice, and return the mails that go out by it."""
        self.postbox.taken.clear()
        while await self.lockouts.tell_next():
            pass
        for event in [*self.epochs.outbox.values()] * 2:
            if isinstance(event, CredentialChange | SignInLocked):
                await self.profile.owe(event)
            if isinstance(event, CredentialChange):
                await self.sessions.carry_out(event)
        self.epochs.outbox.clear()
        for mailer in (self.profile, self.credentials):
            while await mailer.send_due():
                pass
        return list(self.postbox.taken)

    async def subjects(self) -> list[tuple[str, str]]:
        """Do the same, and return to whom each mail goes and what it is about."""
        return sorted((mail.to, mail.subject) for mail in await self.deliver())


def subject(text_id: str, language: str = "en") -> str:
    return WORDS.text(f"mail.{text_id}.subject", language)


@pytest.fixture
async def kim(gateway: Gateway) -> Kim:
    await gateway.add("kim")
    return Kim(gateway)


@pytest.fixture
def mailers(gateway: Gateway, kim: Kim) -> Mailers:
    return Mailers(gateway)


async def replaces(kim: Kim, caller: Caller, method_id: str, to: str) -> str:
    info = kim.gateway.security_info
    setup = await info.enroll_sent(caller, "email", to, "en", instead_of=method_id)
    return (await info.prove(caller, setup.id, kim.code(to))).id


async def last_change(kim: Kim, caller: Caller) -> LastChange | None:
    return (await kim.gateway.security_info.listed(await kim.again(caller))).last_change


async def test_an_address_that_goes_is_told_as_well_as_the_person(
    kim: Kim, mailers: Mailers
) -> None:
    caller = await kim.caller()
    method = await kim.adds(caller, MAIL, "email")
    assert await mailers.subjects() == [(ACCOUNT_MAIL, subject("method-added.email"))]
    other = await replaces(kim, caller, method.id, OTHER)
    assert await mailers.subjects() == [
        (ACCOUNT_MAIL, subject("method-replaced.email")),
        (MAIL, subject("former-address")),
    ]
    await kim.gateway.security_info.remove(caller, other)
    (mail,) = [each for each in await mailers.deliver() if each.to == OTHER]
    assert ACCOUNT_MAIL in mail.text
    assert PORTAL in mail.text
    assert not {OTHER, other, method.id} & set(mail.text.split())
    assert await mailers.deliver() == []


async def test_each_of_several_mails_about_one_change_is_a_mail_of_its_own(
    kim: Kim, mailers: Mailers
) -> None:
    caller = await kim.caller()
    for to in (MAIL, OTHER):
        await kim.adds(caller, to, "email")
    await mailers.deliver()
    admin = await kim.gateway.admin()
    await kim.gateway.policies.require_security_info(admin, caller.sub)
    mails = await mailers.deliver()
    assert sorted(mail.to for mail in mails) == [ACCOUNT_MAIL, MAIL, OTHER]
    assert len({mail.message_id for mail in mails}) == 3


async def test_a_former_address_reads_the_language_it_was_added_in(
    kim: Kim, mailers: Mailers
) -> None:
    caller, info = await kim.caller(), kim.gateway.security_info
    setup = await info.enroll_sent(caller, "email", MAIL, "de")
    await info.prove(caller, setup.id, kim.code(MAIL))
    await mailers.deliver()
    await info.remove(caller, setup.id)
    assert (MAIL, subject("former-address", "de")) in await mailers.subjects()


async def test_an_address_that_was_never_proved_is_told_nothing(kim: Kim, mailers: Mailers) -> None:
    caller = await kim.caller()
    await kim.adds(caller)
    caller = await kim.again(caller)
    await kim.gateway.security_info.enroll_sent(caller, "email", MAIL, "en")
    await mailers.deliver()
    admin = await kim.gateway.admin()
    await kim.gateway.policies.require_security_info(admin, caller.sub)
    assert [to for to, _ in await mailers.subjects()] == [ACCOUNT_MAIL]


async def test_the_page_knows_the_last_change_and_not_the_last_use(
    kim: Kim, mailers: Mailers
) -> None:
    caller, info = await kim.caller(), kim.gateway.security_info
    assert await last_change(kim, caller) is None
    number = await kim.adds(caller)
    now = kim.gateway.services.memory.clock.now()
    added = LastChange(at=now, what="added", kind="sms", label="+49 … 47")
    assert await last_change(kim, caller) == added
    kim.gateway.services.memory.clock.advance(30)
    assert await kim.answer(await kim.challenged(), kim.code())
    assert await last_change(kim, caller) == added
    caller = await kim.again(caller)
    seen = []
    await info.rename(caller, number.id, "Work")
    seen.append(await last_change(kim, caller))
    made = await info.make_recovery_codes(caller)
    seen.append(await last_change(kim, caller))
    mail = await kim.adds(caller, MAIL, "email")
    other = await replaces(kim, caller, mail.id, OTHER)
    seen.append(await last_change(kim, caller))
    await info.remove(caller, other)
    seen.append(await last_change(kim, caller))
    told = [(each.what, each.kind, each.label) for each in seen if each is not None]
    assert told == [
        ("renamed", "sms", "Work"),
        ("codes", "recovery-codes", ""),
        ("replaced", "email", "k…@other.example"),
        ("removed", "email", "k…@other.example"),
    ]
    assert made.revision < (await info.listed(caller)).revision


async def test_another_default_is_told_and_ends_nothing(kim: Kim, mailers: Mailers) -> None:
    caller, info = await kim.caller(), kim.gateway.security_info
    first = await kim.adds(caller)
    second = await kim.adds(await kim.again(caller), "+494215550148")
    await mailers.deliver()
    caller = await kim.again(caller)
    assert caller.session.factor == second.id
    for _ in range(2):
        await info.choose_default(caller, second.id)
    assert await mailers.subjects() == [(ACCOUNT_MAIL, subject("default-changed"))]
    assert (await kim.again(caller)).session.factor == second.id
    await info.choose_default(caller, first.id)
    (event,) = kim.gateway.services.memory.epochs.outbox.values()
    assert isinstance(event, CredentialChange)
    assert (event.payload.change_type, event.payload.cause) == ("update", "default-changed")
    assert event.payload.revision == (await info.listed(caller)).revision


async def test_a_recovery_code_that_is_used_is_told_with_how_many_are_left(
    gateway: Gateway,
) -> None:
    kim = await KimWithApp.added(gateway)
    caller = await gateway.caller("kim")
    await kim.authenticator(caller)
    made = await gateway.security_info.make_recovery_codes(await kim.again(caller))
    mailers = Mailers(gateway)
    await mailers.deliver()
    waiting = await gateway.sign_in.choose_method(key(await kim.challenged()), made.id)
    await kim.answer(waiting, made.codes[0])
    (mail,) = await mailers.deliver()
    assert mail.subject == subject("recovery-code-used")
    assert "Codes that are left: 9" in mail.text


async def test_a_mail_says_which_kind_of_method_it_is_about(gateway: Gateway) -> None:
    kim = await KimWithApp.added(gateway)
    await kim.authenticator(await gateway.caller("kim"))
    (mail,) = await Mailers(gateway).deliver()
    assert WORDS.text("mail.about.app", "en") in mail.text


@pytest.mark.parametrize("name", ["kim", "nobody"])
async def test_a_lock_is_told_once_to_whose_account_it_is(
    kim: Kim, mailers: Mailers, name: str
) -> None:
    for number in range(10):
        assert (await refused(kim.gateway.begin(name, f"wrong {number}"))).type == "sign-in-refused"
    assert (await refused(kim.gateway.begin(name, "wrong"))).type == "sign-in-throttled"
    told = [(ACCOUNT_MAIL, subject("sign-in-locked"))] if name == "kim" else []
    assert await mailers.subjects() == told
    kim.gateway.services.memory.clock.advance(61)
    for number in range(10):
        await refused(kim.gateway.begin(name, f"wrong again {number}"))
    assert await mailers.subjects() == []


async def test_guesses_in_a_session_are_told_as_what_they_mean(kim: Kim, mailers: Mailers) -> None:
    caller, step_ups = await kim.caller(), kim.gateway.security_info.step_ups
    for number in range(10):
        guess = step_ups.by_password(caller, SecretStr(f"wrong {number}"), "password")
        assert (await refused(guess)).type == "wrong-password"
    assert await mailers.subjects() == [(ACCOUNT_MAIL, subject("old-password-locked"))]


async def test_codes_that_are_guessed_at_are_told_as_what_they_mean(
    kim: Kim, mailers: Mailers
) -> None:
    await kim.adds(await kim.caller())
    await mailers.deliver()
    waiting = await kim.challenged()
    for number in range(10):
        guess = kim.answer(waiting, SecretStr(f"{number:08}"))
        assert (await refused(guess)).type == "code-refused"
    assert await mailers.subjects() == [(ACCOUNT_MAIL, subject("codes-locked"))]
