"""Passkeys: what they sign is taken once, from their owner, for this site, and in time."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr
from webauthn.helpers import base64url_to_bytes

from services.credentials.errors import (
    MethodNotFound,
    PasskeyCloned,
    PasskeyRefused,
    PasskeyTaken,
    SignInOutdated,
    SignInRefused,
    TooManyPasskeys,
)
from services.credentials.keyring import Keyring
from services.credentials.kinds import MethodChanges
from services.credentials.model import Password
from services.credentials.notices import TEXTS
from services.credentials.out_of_band import OutOfBand
from services.credentials.passkey_sign_in import PasskeySignIn
from services.credentials.passkeys import RelyingParty
from services.credentials.policy import MethodPolicies
from services.credentials.recovery_codes import RecoveryCodes
from services.credentials.security_info import SecurityInformation
from services.credentials.sending import Sending
from services.credentials.throttling import Throttle
from services.credentials.totp import Authenticators
from services.credentials.webauthn import Passkeys
from shared.contracts.events import CredentialChange
from shared.contracts.methods import (
    AnswerChallenge,
    BeginChallenge,
    ChallengeAnswered,
    ListMethods,
    Method,
    Proved,
    ProveMethod,
    RemoveMethod,
    RenameMethod,
)
from shared.contracts.passkeys import (
    BeginPasskeySignIn,
    EnrollPasskey,
    PasskeySetup,
    PasskeyVerified,
    VerifyPasskey,
)
from shared.lease import Lease
from shared.texts import Catalogues
from tests.memory.authenticator import SoftAuthenticator
from tests.memory.clock import StoppedClock
from tests.memory.credential_policies import MemoryPolicies
from tests.memory.credentials import MemoryCredentials, MemoryMethods, MemoryOneTimes
from tests.memory.epochs import MemoryEpochs
from tests.memory.guesses import MemoryCounters, MemoryGuesses, MemoryQuotas
from tests.unit.credentials.system import registration, reset_policies

ORIGIN = "https://portal.example:8443"
FLOW = "a flow"
PEPPER = b"a pepper of it"


@dataclass
class People:
    """Ada and Eve, with accounts, and what they do with passkeys."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    epochs: MemoryEpochs = field(default_factory=lambda: MemoryEpochs(epochs={"ada": 1, "eve": 1}))

    def __post_init__(self) -> None:
        self.store = MemoryMethods(self.epochs)
        self.one_times = MemoryOneTimes(self.clock)
        self.credentials = MemoryCredentials(self.epochs)
        for sub in ("ada", "eve"):
            password = Password(sub, sub, "verifier", False, 1, self.clock.now())
            self.credentials.passwords[sub] = password
        throttle = Throttle(MemoryGuesses(self.clock), MemoryCounters(self.clock))
        kept = MemoryPolicies(self.credentials)
        policies = MethodPolicies(kept, Lease(kept.policy_of, self.clock, self.clock.pause))
        changes = MethodChanges(self.store, policies, self.clock)
        site, ring = RelyingParty.at(ORIGIN), Keyring.parse(f"test:{'07' * 32}")
        self.passkeys = Passkeys(changes, self.one_times, site, self.clock, PEPPER)
        self.info = SecurityInformation(
            self.store,
            changes,
            throttle,
            Authenticators(changes, ring, self.clock),
            RecoveryCodes(changes, self.clock, PEPPER),
            self.passkeys,
            OutOfBand(
                changes,
                self.one_times,
                Sending({}, MemoryQuotas(self.clock), PEPPER),
                ring,
                Catalogues.load(*TEXTS),
                self.clock,
                PEPPER,
            ),
            self.clock,
            PEPPER,
            reset_policies(self.clock),
        )
        self.alone = PasskeySignIn(
            self.credentials,
            self.store,
            changes,
            self.passkeys,
            throttle,
            self.clock,
            PEPPER,
            registration(changes),
        )

    async def enroll(self, sub: str = "ada", label: str = "Laptop") -> PasskeySetup:
        return await self.passkeys.enroll(
            EnrollPasskey(sub=sub, label=label, issuer="Kontor", account=f"{sub}@example.org")
        )

    async def prove(self, setup: PasskeySetup, said: str, sub: str = "ada") -> Proved:
        return await self.info.prove(
            ProveMethod(
                sub=sub, id=setup.id, answer=SecretStr(said), binding=setup.id,
                address="192.0.2.7", sid="here",
            )
        )  # fmt: skip

    async def passkey(
        self, sub: str = "ada", key: SoftAuthenticator | None = None, label: str = "Laptop"
    ) -> tuple[str, SoftAuthenticator]:
        key = key or SoftAuthenticator(ORIGIN)
        setup = await self.enroll(sub, label)
        await self.prove(setup, key.create(setup.options), sub)
        return setup.id, key

    async def begin(self, method_id: str, sub: str = "ada") -> str:
        begun = await self.info.begin(BeginChallenge(sub=sub, id=method_id, binding=FLOW))
        assert begun.options is not None
        return begun.options

    async def answer(
        self, method_id: str, said: str, *, binding: str = FLOW, epoch: int = 1
    ) -> ChallengeAnswered:
        return await self.info.answer(
            AnswerChallenge(
                sub="ada", epoch=epoch, id=method_id, answer=SecretStr(said), binding=binding,
                address="192.0.2.7",
            )
        )  # fmt: skip

    async def begin_alone(self) -> str:
        begun = await self.alone.begin(BeginPasskeySignIn(binding=FLOW))
        assert begun.options is not None
        return begun.options

    async def verify(self, said: str, binding: str = FLOW) -> PasskeyVerified:
        asked = VerifyPasskey(answer=SecretStr(said), binding=binding, address="192.0.2.7")
        return await self.alone.verify(asked)

    async def methods(self, sub: str = "ada") -> tuple[Method, ...]:
        return (await self.info.list(ListMethods(sub=sub))).items


@pytest.fixture
def people() -> People:
    return People()


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("http://localhost:8080", RelyingParty("localhost", "http://localhost:8080")),
        ("https://Portal.Example/", RelyingParty("portal.example", "https://portal.example")),
        ("https://a.example:443", RelyingParty("a.example", "https://a.example")),
    ],
)
def test_the_site_is_what_browsers_say_that_it_is(url: str, site: RelyingParty) -> None:
    assert RelyingParty.at(url) == site


async def test_the_options_ask_for_what_can_sign_in_alone(people: People) -> None:
    await people.passkey()
    setup = await people.enroll()
    options = json.loads(setup.options)
    assert options["rp"] == {"id": "portal.example", "name": "Kontor"}
    assert options["user"]["name"] == "ada@example.org"
    assert b"ada" not in base64url_to_bytes(options["user"]["id"])
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["attestation"] == "none"
    assert [each["alg"] for each in options["pubKeyCredParams"]] == [-7, -8, -257]
    assert len(options["excludeCredentials"]) == 1


async def test_a_passkey_counts_once_it_is_proved_and_signs_in(people: People) -> None:
    method_id, key = await people.passkey()
    (method,) = await people.methods()
    assert (method.id, method.kind, method.label, method.default, method.use) == (
        method_id, "passkey", "Laptop", True, ("mfa",),
    )  # fmt: skip
    options = await people.begin(method_id)
    assert json.loads(options)["userVerification"] == "required"
    assert [each["id"] for each in json.loads(options)["allowCredentials"]] == [key.id]
    answered = await people.answer(method_id, key.get(options))
    assert (answered.factor, answered.amr) == (method_id, "pop")
    (method,) = await people.methods()
    assert method.last_used_at == people.clock.now()


async def test_what_is_kept_of_it_is_what_it_is_verified_with(people: People) -> None:
    await people.passkey()
    (kept,) = people.store.by_sub["ada"].methods
    assert kept.passkey is not None
    assert kept.passkey.transports == ("internal", "hybrid")
    assert (kept.passkey.attachment, kept.passkey.multi_device, kept.passkey.backed_up) == (
        "platform", True, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("attachment", "told"), [("platform", "fido2-platform"), ("cross-platform", "fido2-roaming")]
)
async def test_others_are_told_what_kind_of_passkey_it_is(
    people: People, attachment: str, told: str
) -> None:
    setup, key = await people.enroll(), SoftAuthenticator(ORIGIN)
    await people.prove(setup, key.create(setup.options, authenticatorAttachment=attachment))
    await people.info.remove(RemoveMethod(sub="ada", id=setup.id))
    payloads = [e.payload for e in people.epochs.outbox.values() if isinstance(e, CredentialChange)]
    assert [(each.credential_type, each.change_type) for each in payloads] == [
        (told, "create"),
        (told, "delete"),
    ]


@pytest.mark.parametrize(
    "lie",
    [
        {"origin": "https://portal.example"},
        {"origin": "https://evil.example:8443"},
        {"rp_id": "evil.example"},
        {"verifies": False},
    ],
    ids=["another port", "another site", "another relying party", "not unlocked"],
)
async def test_what_is_signed_elsewhere_or_by_nobody_is_refused(
    people: People, lie: dict[str, Any]
) -> None:
    setup = await people.enroll()
    with pytest.raises(PasskeyRefused):
        await people.prove(
            setup, SoftAuthenticator(**{"origin": ORIGIN, **lie}).create(setup.options)
        )
    assert await people.methods() == ()
    method_id, key = await people.passkey()
    for name, value in lie.items():
        setattr(key, name, value)
    with pytest.raises(PasskeyRefused):
        await people.answer(method_id, key.get(await people.begin(method_id)))
    with pytest.raises(SignInRefused):
        await people.verify(key.get(await people.begin_alone()))


async def test_a_challenge_is_over_after_five_minutes(people: People) -> None:
    setup, key = await people.enroll(), SoftAuthenticator(ORIGIN)
    people.clock.advance(300)
    with pytest.raises(PasskeyRefused):
        await people.prove(setup, key.create(setup.options))
    method_id, key = await people.passkey()
    options, alone = await people.begin(method_id), await people.begin_alone()
    people.clock.advance(300)
    with pytest.raises(PasskeyRefused):
        await people.answer(method_id, key.get(options))
    with pytest.raises(SignInRefused):
        await people.verify(key.get(alone))


async def test_a_challenge_is_answered_once_and_where_it_was_begun(people: People) -> None:
    method_id, key = await people.passkey()
    options = await people.begin(method_id)
    with pytest.raises(PasskeyRefused):
        await people.answer(method_id, key.get(options), binding="another flow")
    await people.answer(method_id, key.get(options))
    with pytest.raises(PasskeyRefused):
        await people.answer(method_id, key.get(options))
    alone = await people.begin_alone()
    with pytest.raises(SignInRefused):
        await people.verify(key.get(alone), binding="another flow")
    await people.verify(key.get(alone))
    with pytest.raises(SignInRefused):
        await people.verify(key.get(alone))


async def test_the_challenge_of_a_sign_in_proves_no_method(people: People) -> None:
    _, key = await people.passkey()
    setup = await people.enroll()
    challenge = json.loads(await people.begin_alone())["challenge"]
    options = json.loads(setup.options) | {"challenge": challenge}
    with pytest.raises(PasskeyRefused):
        await people.prove(setup, key.create(options))


async def test_a_challenge_is_not_kept_as_it_is(people: People) -> None:
    setup = await people.enroll()
    challenge = json.loads(setup.options)["challenge"]
    kept = f"{people.one_times.by_name}"
    assert challenge not in kept
    assert base64url_to_bytes(challenge).hex() not in kept


async def test_a_wrong_answer_uses_the_challenge_up(people: People) -> None:
    method_id, key = await people.passkey()
    options = await people.begin(method_id)
    key.verifies = False
    with pytest.raises(PasskeyRefused):
        await people.answer(method_id, key.get(options))
    key.verifies = True
    with pytest.raises(PasskeyRefused):
        await people.answer(method_id, key.get(options))
    await people.answer(method_id, key.get(await people.begin(method_id)))


async def test_somebody_elses_passkey_signs_in_nobody_else(people: People) -> None:
    method_id, _ = await people.passkey("ada")
    eves_id, eves = await people.passkey("eve")
    with pytest.raises(PasskeyRefused):
        await people.answer(method_id, eves.get(await people.begin(method_id)))
    with pytest.raises(MethodNotFound):
        await people.begin(eves_id, "ada")
    assert (await people.verify(eves.get(await people.begin_alone()))).sub == "eve"


async def test_a_passkey_that_says_it_is_somebody_elses_is_refused(people: People) -> None:
    method_id, key = await people.passkey("ada")
    _, eves = await people.passkey("eve")
    said = {"userHandle": eves.user_handle}
    with pytest.raises(PasskeyRefused):
        await people.answer(method_id, key.get(await people.begin(method_id), **said))
    with pytest.raises(SignInRefused):
        await people.verify(key.get(await people.begin_alone(), **said))
    # Who has said who they are need not be named by the passkey again; who has not, must be.
    await people.answer(method_id, key.get(await people.begin(method_id), userHandle=None))
    with pytest.raises(SignInRefused):
        await people.verify(key.get(await people.begin_alone(), userHandle=None))


@pytest.mark.parametrize("behind", [0, 3])
async def test_a_count_that_does_not_rise_is_refused_and_changes_nothing(
    people: People, behind: int
) -> None:
    method_id, key = await people.passkey()
    for _ in range(4):
        await people.answer(method_id, key.get(await people.begin(method_id)))
    before = people.store.by_sub["ada"]
    key.sign_count -= behind + 1
    with pytest.raises(PasskeyCloned):
        await people.answer(method_id, key.get(await people.begin(method_id)))
    key.sign_count -= 1
    with pytest.raises(PasskeyCloned):
        await people.verify(key.get(await people.begin_alone()))
    assert people.store.by_sub["ada"] == before


async def test_a_count_is_believed_only_with_its_signature(people: People) -> None:
    method_id, key = await people.passkey()
    await people.answer(method_id, key.get(await people.begin(method_id)))
    key.key, key.sign_count = SoftAuthenticator(ORIGIN).key, 0
    with pytest.raises(PasskeyRefused):
        await people.answer(method_id, key.get(await people.begin(method_id)))


async def test_a_passkey_that_does_not_count_works_again_and_again(people: People) -> None:
    method_id, key = await people.passkey(key=SoftAuthenticator(ORIGIN, counts=False))
    for _ in range(3):
        await people.answer(method_id, key.get(await people.begin(method_id)))


def without_response(said: dict[str, Any]) -> object:
    return {name: value for name, value in said.items() if name != "response"}


def with_garbage(said: dict[str, Any]) -> object:
    return said | {"response": dict.fromkeys(said["response"], "AAAA")}


def with_broken_key(said: dict[str, Any]) -> object:
    made = said["response"].get("attestationObject", "")[:-60]
    return said | {"response": said["response"] | {"attestationObject": made, "signature": "AAAA"}}


MALFORMED: list[Callable[[dict[str, Any]], object]] = [
    without_response,
    with_garbage,
    with_broken_key,
    lambda said: said | {"id": "another"},
    lambda said: said | {"rawId": 7},
    lambda said: said | {"type": "password"},
    lambda said: [said],
    lambda _: None,
    lambda _: "\ud800",
]


@pytest.mark.parametrize("broken", MALFORMED)
async def test_what_is_no_answer_is_refused_like_a_wrong_one(
    people: People, broken: Callable[[dict[str, Any]], object]
) -> None:
    setup, key = await people.enroll(), SoftAuthenticator(ORIGIN)
    with pytest.raises(PasskeyRefused):
        await people.prove(setup, json.dumps(broken(json.loads(key.create(setup.options)))))
    method_id, key = await people.passkey()
    said = json.loads(key.get(await people.begin(method_id)))
    with pytest.raises(PasskeyRefused):
        await people.answer(method_id, json.dumps(broken(said)))
    said = json.loads(key.get(await people.begin_alone()))
    with pytest.raises(SignInRefused):
        await people.verify(json.dumps(broken(said)))


@pytest.mark.parametrize("text", ["", "{", "[" * 16_000, "12345", '{"response":' * 1000])
async def test_what_is_no_json_is_refused_too(people: People, text: str) -> None:
    method_id, _ = await people.passkey()
    await people.begin(method_id)
    with pytest.raises(PasskeyRefused):
        await people.answer(method_id, text)
    with pytest.raises(SignInRefused):
        await people.verify(text)


async def test_a_passkey_is_registered_once_whoever_has_it(people: People) -> None:
    _, key = await people.passkey("ada")
    for sub in ("ada", "eve"):
        setup = await people.enroll(sub)
        with pytest.raises(PasskeyTaken):
            await people.prove(setup, key.create(setup.options), sub)
    assert [len(await people.methods(sub)) for sub in ("ada", "eve")] == [1, 0]


async def test_there_are_twenty_passkeys_at_most(people: People) -> None:
    for number in range(20):
        await people.passkey(label=f"Key {number}")
    with pytest.raises(TooManyPasskeys):
        await people.enroll()


async def test_it_is_renamed_and_once_removed_signs_in_nobody(people: People) -> None:
    method_id, key = await people.passkey()
    await people.info.rename(RenameMethod(sub="ada", id=method_id, label="Old laptop"))
    assert [each.label for each in await people.methods()] == ["Old laptop"]
    options = await people.begin_alone()
    removed = await people.info.remove(RemoveMethod(sub="ada", id=method_id))
    assert removed.gone == (method_id,)
    with pytest.raises(SignInRefused):
        await people.verify(key.get(options))
    await people.passkey("eve", key)


async def test_of_fifty_proofs_at_once_one_counts(people: People) -> None:
    setup, key = await people.enroll(), SoftAuthenticator(ORIGIN)
    said = key.create(setup.options)
    outcomes = await asyncio.gather(
        *(people.prove(setup, said) for _ in range(50)), return_exceptions=True
    )
    assert sum(isinstance(each, Proved) for each in outcomes) == 1
    assert len(await people.methods()) == 1


async def test_of_fifty_answers_at_once_one_gets_in(people: People) -> None:
    # It does not count, so that nothing but the challenge keeps the others out.
    method_id, key = await people.passkey(key=SoftAuthenticator(ORIGIN, counts=False))
    said = key.get(await people.begin(method_id))
    outcomes = await asyncio.gather(
        *(people.answer(method_id, said) for _ in range(50)), return_exceptions=True
    )
    assert sum(isinstance(each, ChallengeAnswered) for each in outcomes) == 1
    assert sum(isinstance(each, PasskeyRefused) for each in outcomes) == 49
    alone = key.get(await people.begin_alone())
    outcomes_alone = await asyncio.gather(
        *(people.verify(alone) for _ in range(50)), return_exceptions=True
    )
    assert sum(isinstance(each, PasskeyVerified) for each in outcomes_alone) == 1
    assert sum(isinstance(each, SignInRefused) for each in outcomes_alone) == 49


async def test_a_challenge_ends_with_the_epoch(people: People) -> None:
    method_id, key = await people.passkey()
    options = await people.begin(method_id)
    people.epochs.epochs["ada"] = 2
    with pytest.raises(SignInOutdated):
        await people.answer(method_id, key.get(options), epoch=1)


async def test_signing_in_alone_rests_on_the_epoch_from_before_it_was_verified(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = await people.passkey()
    put = people.store.put

    async def raised_meanwhile(*change: Any) -> None:
        people.epochs.epochs["ada"] = 2
        await put(*change)

    monkeypatch.setattr(people.store, "put", raised_meanwhile)
    assert (await people.verify(key.get(await people.begin_alone()))).epoch == 1


async def test_a_temporary_password_still_has_to_be_changed(people: People) -> None:
    method_id, key = await people.passkey()
    verified = await people.verify(key.get(await people.begin_alone()))
    assert (verified.sub, verified.factor, verified.amr, verified.must_change) == (
        "ada", method_id, "pop", False,
    )  # fmt: skip
    temporary = Password("ada", "ada", "verifier", True, 1, people.clock.now())
    people.credentials.passwords["ada"] = temporary
    assert (await people.verify(key.get(await people.begin_alone()))).must_change


async def test_wrong_answers_lock_nobody_out_of_their_passkey(people: People) -> None:
    method_id, key = await people.passkey()
    for number in range(30):
        with pytest.raises(PasskeyRefused):
            await people.answer(method_id, json.dumps({"id": number}))
    await people.answer(method_id, key.get(await people.begin(method_id)))
