"""The HTTP contract from both sides: the gateway's clients against each service's application."""

import base64
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, fields
from typing import Any

import pyotp
import pytest
from aiohttp import web
from pydantic import BaseModel, SecretStr

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.organizations import OrganizationsClient
from services.gateway.clients.peer import Peer
from services.gateway.clients.personal_data import ErasureClient, PersonalDataClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.clients.terms import TermsClient
from shared.contracts.accounts import (
    DisableAccount,
    EnableAccount,
    ReadAccount,
    RequirePasswordChange,
    SetTemporaryPassword,
)
from shared.contracts.activity import (
    CountAttempts,
    ListAttempts,
    NoteAttempt,
    ReadAttempt,
    ReportMine,
    ReportNotMine,
)
from shared.contracts.app_passwords import AppPassword, CheckAppPassword, MakeAppPassword
from shared.contracts.audit import Actor, NoteAudit, ReadAudit
from shared.contracts.credentials import (
    AskRequirements,
    ChangePassword,
    CheckPassword,
    ConfirmPassword,
    EnrollAccount,
    ReplacePassword,
    VerifyPassword,
)
from shared.contracts.devices import DisableDevice, EnableDevice, FindDevice, ListDevices
from shared.contracts.methods import (
    AnswerChallenge,
    AuthenticatorSetup,
    BeginChallenge,
    ChooseDefault,
    ConfirmSecurityInfo,
    EnrollAuthenticator,
    EnrollSent,
    ImportSent,
    ListMethods,
    MakeRecoveryCodes,
    Method,
    ProveMethod,
    PutOffSecurityInfo,
    RemoveMethod,
    RenameMethod,
    RequireSecurityInfo,
    SentSetup,
)
from shared.contracts.passkeys import BeginPasskeySignIn, EnrollPasskey, VerifyPasskey
from shared.contracts.policy import (
    PutMethodsPolicy,
    PutPasswordPolicy,
    PutPortalPolicy,
    PutSessionsPolicy,
    ReadPolicy,
)
from shared.contracts.profile import (
    AddPerson,
    GetPerson,
    Helpdesk,
    ListPeople,
    PutOrganization,
    PutPhoto,
)
from shared.contracts.questions import QuestionAnswer, SetSecurityQuestions
from shared.contracts.refusals import Refusal, Unavailable
from shared.contracts.sessions import (
    EndRestingOn,
    EndSession,
    EstablishSession,
    Introspect,
    ListReceipts,
    ListSessions,
    ReadReceipt,
    RecogniseDevice,
    SignOutEverywhere,
    StepUp,
    Where,
)
from shared.contracts.trust import CountTrusted, ForgetTrust
from shared.contracts.users import ChangeUser, NoteAccount, ReadUser
from tests.contract.http.erasing import ERASURE_CALLS, ERASURE_READS
from tests.contract.http.organization_calls import ORGANIZATION_CALLS, ORGANIZATION_READS
from tests.contract.http.reset_calls import RESET_CALLS
from tests.contract.http.services import KEY, PORTAL, Memory, Services
from tests.contract.http.terms_calls import TERMS_CALLS, TERMS_READS
from tests.memory.authenticator import SoftAuthenticator

OLD, NEW = SecretStr("violet otter counts nine lamps"), SecretStr("seven quiet boats in march")
WHERE = Where(address="192.0.2.7", user_agent="Browser/1")
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


def record(user_id: str) -> AddPerson:
    return AddPerson(organization="halden", user_id=user_id, display_name="Ada Marsh")


def verify(password: SecretStr) -> VerifyPassword:
    return VerifyPassword(user_id="ada@example.org", password=password, address="192.0.2.7")


def change(old: SecretStr, new: SecretStr) -> ChangePassword:
    return ChangePassword(sub="person-1", old_password=old, new_password=new, address="192.0.2.7")


def establish(epoch: int = 1) -> EstablishSession:
    return EstablishSession(sub="person-1", epoch=epoch, where=WHERE)


async def find_device(services: Services) -> BaseModel:
    device = (await services.sessions.establish(establish())).device
    return await services.sessions.find_device(FindDevice(device_id=device.id))


async def disable_device(services: Services) -> BaseModel:
    device = (await services.sessions.establish(establish())).device
    return await services.sessions.disable_device(
        DisableDevice(sub="person-1", device_id=device.id)
    )


def about_attempt(
    ask: Callable[[SessionsClient, Any], Awaitable[BaseModel]], kind: type[ReadAttempt]
) -> Callable[[Services], Coroutine[Any, Any, object]]:
    async def asked(services: Services) -> BaseModel:
        await services.sessions.establish(establish())
        listed = await services.sessions.attempts(ListAttempts(sub="person-1"))
        return await ask(services.sessions, kind(sub="person-1", id=listed.items[0].id))

    return asked


async def introspect(services: Services) -> BaseModel:
    established = await services.sessions.establish(establish())
    proof = services.memory.sessions.kept[established.session.sid].proof
    asked = Introspect(sub="person-1", sid=established.session.sid, proof=proof)
    assert await services.sessions.introspect(asked) == established.session
    return established.session


async def end(services: Services) -> BaseModel:
    sid = (await services.sessions.establish(establish())).session.sid
    return await services.sessions.end(EndSession(sub="person-1", sid=sid, cause="signed-out"))


async def read_receipt(services: Services) -> BaseModel:
    revoked = await services.sessions.sign_out_everywhere(SignOutEverywhere(sub="person-1"))
    return await services.sessions.receipt(
        ReadReceipt(id=revoked.receipt, token=revoked.receipt_token)
    )


def code(services: Services, setup: AuthenticatorSetup) -> SecretStr:
    seconds = int(services.memory.clock.now().timestamp())
    return SecretStr(pyotp.TOTP(setup.secret.get_secret_value()).at(seconds))


async def begin_authenticator(services: Services) -> AuthenticatorSetup:
    return await services.credentials.enroll_authenticator(
        EnrollAuthenticator(sub="person-1", label="Phone", issuer="Halden", account="ada")
    )


async def begin_number(services: Services) -> SentSetup:
    return await services.credentials.enroll_sent(
        EnrollSent(sub="person-1", kind="sms", target=SecretStr("+494215550147"))
    )


async def send_again(services: Services) -> BaseModel:
    method_id = (await begin_number(services)).id
    return await services.credentials.send_again(
        BeginChallenge(sub="person-1", id=method_id, binding=method_id)
    )


async def prove(services: Services) -> Method:
    setup = await begin_authenticator(services)
    shown = code(services, setup)
    proved = await services.credentials.prove(
        ProveMethod(sub="person-1", id=setup.id, answer=shown, address="192.0.2.7", sid="here")
    )
    services.memory.clock.advance(60)
    return proved.method


async def begin(services: Services) -> BaseModel:
    method = await prove(services)
    return await services.credentials.begin(
        BeginChallenge(sub="person-1", id=method.id, binding="a flow")
    )


async def answer(services: Services) -> BaseModel:
    setup = await begin_authenticator(services)
    await services.credentials.prove(
        ProveMethod(
            sub="person-1",
            id=setup.id,
            answer=code(services, setup),
            address="192.0.2.7",
            sid="here",
        )
    )
    services.memory.clock.advance(60)
    return await services.credentials.answer(
        AnswerChallenge(
            sub="person-1", epoch=1, id=setup.id, answer=code(services, setup), address="192.0.2.7"
        )
    )


async def enroll_passkey(services: Services) -> BaseModel:
    return await services.credentials.enroll_passkey(
        EnrollPasskey(sub="person-1", label="Key", issuer="Halden", account="ada")
    )


async def verify_passkey(services: Services) -> BaseModel:
    setup = await services.credentials.enroll_passkey(
        EnrollPasskey(sub="person-1", label="Key", issuer="Halden", account="ada")
    )
    key = SoftAuthenticator(PORTAL)
    made = SecretStr(key.create(setup.options))
    await services.credentials.prove(
        ProveMethod(
            sub="person-1", id=setup.id, answer=made, binding=setup.id, address="192.0.2.7",
            sid="here",
        )
    )  # fmt: skip
    begun = await services.credentials.begin_passkey(BeginPasskeySignIn(binding="a flow"))
    signed = SecretStr(key.get(begun.options or ""))
    return await services.credentials.verify_passkey(
        VerifyPasskey(answer=signed, binding="a flow", address="192.0.2.7")
    )


async def make_codes(services: Services) -> BaseModel:
    await prove(services)
    return await services.credentials.make_recovery_codes(
        MakeRecoveryCodes(sub="person-1", sid="here")
    )


async def make_app_password(services: Services) -> AppPassword:
    await services.credentials.put_policy(
        PutMethodsPolicy(
            organization="halden",
            allowed=("app-password",),
            second_factor="if-registered",
            trust_days=0,
        )
    )
    return await services.credentials.make_app_password(
        MakeAppPassword(sub="person-1", label="Mail", epoch=1)
    )


async def set_questions(services: Services) -> BaseModel:
    await services.credentials.put_policy(
        PutMethodsPolicy(
            organization="halden",
            allowed=("security-questions",),
            second_factor="if-registered",
            trust_days=0,
        )
    )
    said = {"first-dish": "lentils", "first-boss": "okafor", "lost-thing": "umbrella"}
    answers = (QuestionAnswer(question=q, answer=SecretStr(a)) for q, a in said.items())
    return await services.credentials.set_security_questions(
        SetSecurityQuestions(sub="person-1", answers=tuple(answers))
    )


async def check_app_password(services: Services) -> BaseModel:
    made = await make_app_password(services)
    return await services.credentials.check_app_password(
        CheckAppPassword(user_id="ada@example.org", app_password=made.password)
    )


async def rename(services: Services) -> BaseModel:
    asked = RenameMethod(sub="person-1", id=(await prove(services)).id, label="Tablet")
    return await services.credentials.rename(asked)


async def remove(services: Services) -> BaseModel:
    asked = RemoveMethod(sub="person-1", id=(await prove(services)).id)
    return await services.credentials.remove(asked)


async def choose_default(services: Services) -> BaseModel:
    asked = ChooseDefault(sub="person-1", id=(await prove(services)).id)
    return await services.credentials.choose_default(asked)


async def confirm(services: Services) -> BaseModel:
    asked = ConfirmSecurityInfo(
        sub="person-1", signing_in_under=1, factor=(await prove(services)).id
    )
    return await services.credentials.confirm_methods(asked)


async def step_up(services: Services) -> BaseModel:
    sid = (await services.sessions.establish(establish())).session.sid
    return await services.sessions.step_up(
        StepUp(sub="person-1", sid=sid, purpose="security-info", amr="pwd", aal=1)
    )


Ask = Callable[[Services], Coroutine[Any, Any, object]]
CALLS: dict[tuple[str, str], Ask] = {
    ("profile", "/organizations/put"): lambda s: s.profile.put_organization(
        PutOrganization(id="x", name="X")
    ),
    ("profile", "/people/add"): lambda s: s.profile.add(record("bob@example.org")),
    ("profile", "/people/get"): lambda s: s.profile.get(GetPerson(sub="person-1")),
    ("profile", "/people/list"): lambda s: s.profile.list(ListPeople(organization="halden")),
    ("profile", "/people/put-photo"): lambda s: s.profile.put_photo(
        PutPhoto(sub="person-1", image=PNG)
    ),
    ("profile", "/people/photo"): lambda s: s.profile.photo(GetPerson(sub="person-1")),
    ("profile", "/audit/read"): lambda s: s.profile.audit(ReadAudit(organization="halden")),
    ("profile", "/audit/note"): lambda s: s.profile.note(
        NoteAudit(by=Actor(sub="root", organization="halden"), action="replay-event")
    ),
    ("credentials", "/password-policy/read"): lambda s: s.credentials.password_policy(
        ReadPolicy(organization="halden")
    ),
    ("credentials", "/password-policy/put"): lambda s: s.credentials.put_password_policy(
        PutPasswordPolicy(organization="halden", minimum_length=15)
    ),
    ("profile", "/policy/read"): lambda s: s.profile.policy(ReadPolicy(organization="halden")),
    ("profile", "/policy/put"): lambda s: s.profile.put_policy(
        PutPortalPolicy(organization="halden", helpdesk=Helpdesk(name="Desk"))
    ),
    ("profile", "/users/read"): lambda s: s.profile.user(ReadUser(sub="person-1")),
    ("profile", "/users/change"): lambda s: s.profile.change_user(
        ChangeUser(sub="person-1", organization="halden")
    ),
    ("profile", "/users/note-account"): lambda s: s.profile.note_account(
        NoteAccount(sub="person-1", organization="halden", disabled=True, revision=1)
    ),
    ("credentials", "/accounts/read"): lambda s: s.credentials.account(ReadAccount(sub="person-1")),
    ("credentials", "/accounts/disable"): lambda s: s.credentials.disable(
        DisableAccount(sub="person-1")
    ),
    ("credentials", "/accounts/enable"): lambda s: s.credentials.enable(
        EnableAccount(sub="person-1")
    ),
    ("credentials", "/password/set-temporary"): lambda s: s.credentials.set_temporary_password(
        SetTemporaryPassword(sub="person-1")
    ),
    ("credentials", "/accounts/enroll"): lambda s: s.credentials.enroll(
        EnrollAccount(sub="bob", user_id="bob", password=NEW)
    ),
    ("credentials", "/password/verify"): lambda s: s.credentials.verify(verify(OLD)),
    ("credentials", "/password/check"): lambda s: s.credentials.check(CheckPassword(password=NEW)),
    ("credentials", "/password/change"): lambda s: s.credentials.change(change(OLD, NEW)),
    ("credentials", "/password/replace"): lambda s: s.credentials.replace(
        ReplacePassword(sub="person-1", epoch=1, new_password=NEW)
    ),
    ("credentials", "/password/replace-temporary"): lambda s: s.credentials.replace_temporary(
        ReplacePassword(sub="noor", epoch=1, new_password=NEW)
    ),
    ("credentials", "/password/confirm"): lambda s: s.credentials.confirm(
        ConfirmPassword(sub="person-1", password=OLD, address="192.0.2.7")
    ),
    ("credentials", "/methods/list"): lambda s: s.credentials.methods(ListMethods(sub="person-1")),
    ("credentials", "/methods/enroll-authenticator"): begin_authenticator,
    ("credentials", "/methods/enroll-passkey"): enroll_passkey,
    ("credentials", "/passkey/begin"): lambda s: s.credentials.begin_passkey(
        BeginPasskeySignIn(binding="a flow")
    ),
    ("credentials", "/passkey/verify"): verify_passkey,
    ("credentials", "/methods/make-recovery-codes"): make_codes,
    ("credentials", "/methods/make-app-password"): make_app_password,
    ("credentials", "/methods/set-security-questions"): set_questions,
    ("credentials", "/methods/import-sent"): lambda s: s.credentials.import_sent(
        ImportSent(sub="person-1", kind="sms", target=SecretStr("+494215550147"), dry_run=False)
    ),
    ("credentials", "/app-passwords/check"): check_app_password,
    ("credentials", "/methods/enroll-sent"): begin_number,
    ("credentials", "/methods/send-again"): send_again,
    ("credentials", "/methods/prove"): prove,
    ("credentials", "/methods/rename"): rename,
    ("credentials", "/methods/remove"): remove,
    ("credentials", "/methods/choose-default"): choose_default,
    ("credentials", "/challenge/begin"): begin,
    ("credentials", "/challenge/answer"): answer,
    ("credentials", "/methods/require-anew"): lambda s: s.credentials.require_anew(
        RequireSecurityInfo(sub="person-1")
    ),
    ("credentials", "/methods/put-off"): lambda s: s.credentials.put_off(
        PutOffSecurityInfo(sub="person-1", signing_in_under=1)
    ),
    ("credentials", "/methods/confirm"): confirm,
    ("credentials", "/requirements/ask"): lambda s: s.credentials.requirements(
        AskRequirements(sub="person-1")
    ),
    ("credentials", "/password/require-change"): lambda s: s.credentials.require_password_change(
        RequirePasswordChange(sub="person-1")
    ),
    ("credentials", "/policy/read"): lambda s: s.credentials.policy(
        ReadPolicy(organization="halden")
    ),
    ("credentials", "/policy/put"): lambda s: s.credentials.put_policy(
        PutMethodsPolicy(
            organization="halden", allowed=(), second_factor="if-registered", trust_days=0
        )
    ),
    ("sessions", "/devices/recognise"): lambda s: s.sessions.recognise(
        RecogniseDevice(device_key="unknown")
    ),
    ("sessions", "/devices/forget-trust"): lambda s: s.sessions.forget_trust(
        ForgetTrust(sub="person-1")
    ),
    ("sessions", "/devices/count-trusted"): lambda s: s.sessions.count_trusted(
        CountTrusted(sub="person-1")
    ),
    ("sessions", "/devices/list"): lambda s: s.sessions.devices(ListDevices(sub="person-1")),
    ("sessions", "/devices/find"): find_device,
    ("sessions", "/devices/disable"): disable_device,
    ("sessions", "/devices/enable"): lambda s: s.sessions.enable_device(
        EnableDevice(sub="person-1", device_id="a device", by=Actor(sub="root", organization="o"))
    ),
    ("sessions", "/activity/note"): lambda s: s.sessions.note_attempt(
        NoteAttempt(sub="person-1", outcome="wrong-password", where=WHERE)
    ),
    ("sessions", "/activity/list"): lambda s: s.sessions.attempts(ListAttempts(sub="person-1")),
    ("sessions", "/activity/count"): lambda s: s.sessions.attempt_counts(
        CountAttempts(sub="person-1")
    ),
    ("sessions", "/activity/read"): about_attempt(SessionsClient.attempt, ReadAttempt),
    ("sessions", "/activity/mine"): about_attempt(SessionsClient.attempt_was_mine, ReportMine),
    ("sessions", "/activity/not-mine"): about_attempt(
        SessionsClient.attempt_was_not_mine, ReportNotMine
    ),
    ("sessions", "/sessions/establish"): lambda s: s.sessions.establish(establish()),
    ("sessions", "/sessions/introspect"): introspect,
    ("sessions", "/sessions/list"): lambda s: s.sessions.list(ListSessions(sub="person-1")),
    ("sessions", "/sessions/end"): end,
    ("sessions", "/sessions/step-up"): step_up,
    ("sessions", "/sessions/end-resting-on"): lambda s: s.sessions.end_resting_on(
        EndRestingOn(sub="person-1", factor="phone", cause="method-removed")
    ),
    ("sessions", "/sessions/sign-out-everywhere"): lambda s: s.sessions.sign_out_everywhere(
        SignOutEverywhere(sub="person-1")
    ),
    ("sessions", "/policy/read"): lambda s: s.sessions.policy(ReadPolicy(organization="halden")),
    ("sessions", "/policy/put"): lambda s: s.sessions.put_policy(
        PutSessionsPolicy(organization="halden", idle_minutes=5, lifetime_hours=1)
    ),
    ("sessions", "/receipts/read"): read_receipt,
    ("sessions", "/receipts/list"): lambda s: s.sessions.receipts(ListReceipts(sub="person-1")),
    **RESET_CALLS,
    **TERMS_CALLS,
    **ERASURE_CALLS,
    **ORGANIZATION_CALLS,
}
each_call = pytest.mark.parametrize(("service", "path"), CALLS, ids=lambda part: part.strip("/"))


@pytest.fixture
async def peopled(services: Services) -> Services:
    """Give the services Ada, with an account and a photo, and Noor on her first day."""
    await services.profile.put_organization(PutOrganization(id="halden", name="Halden"))
    ada = await services.profile.add(record("ada@example.org"))
    await services.profile.put_photo(PutPhoto(sub=ada.sub, image=PNG))
    for sub, user_id, temporary in (
        (ada.sub, "ada@example.org", False),
        ("noor", "noor@example.org", True),
    ):
        await services.credentials.enroll(
            EnrollAccount(
                sub=sub,
                user_id=user_id,
                password=OLD,
                temporary=temporary,
                organization="halden",
            )
        )
    return services


@each_call
async def test_what_the_gateway_asks_the_service_answers(
    peopled: Services, service: str, path: str
) -> None:
    answer = await CALLS[service, path](peopled)
    assert isinstance(answer, BaseModel)


def _paths(app: web.Application) -> set[str]:
    return {route.resource.canonical for route in app.router.routes() if route.resource}


async def test_every_route_of_every_service_is_in_the_contract_and_no_other() -> None:
    memory = Memory.empty()
    hasher = memory.hasher()
    apps = {
        "profile": memory.profile(),
        "credentials": memory.credentials_app(hasher),
        "sessions": memory.sessions_app(),
    }
    hasher.close()
    assert {(name, path) for name, app in apps.items() for path in _paths(app)} == set(CALLS)


@dataclass(frozen=True)
class Listening(Peer):
    """Takes note of what is asked, and answers nothing."""

    asked: Any = None

    async def ask_raw(self, path: str, body: BaseModel, *, safe: bool = False) -> bytes:
        self.asked.append((path, safe))
        raise Unavailable


READS = {
    "/users/read",
    "/accounts/read",
    "/people/get", "/people/list", "/people/photo", "/password/check", "/devices/recognise",
    "/devices/list", "/devices/find",
    "/activity/list", "/activity/count", "/activity/read",
    "/sessions/introspect", "/sessions/list", "/receipts/read", "/receipts/list", "/methods/list",
    "/policy/read", "/requirements/ask", "/devices/count-trusted",
    "/reset/policy/read", "/reset/look-up", "/reset/read", "/reset/registered",
    "/password-policy/read", "/audit/read", *TERMS_READS, *ERASURE_READS,
    *ORGANIZATION_READS,
}  # fmt: skip


async def test_only_calls_that_change_nothing_may_be_sent_again() -> None:
    asked: list[tuple[str, bool]] = []
    peer = Listening(None, "", "", asked)  # type: ignore[arg-type]
    body = CheckPassword(password=NEW)
    services = (ProfileClient, TermsClient, OrganizationsClient, ErasureClient)
    clients = (*services, CredentialsClient, SessionsClient, PersonalDataClient)
    for client in (each(peer) for each in clients):
        own = {field.name for field in fields(client)}
        for name in (each for each in dir(client) if not each.startswith("_") and each not in own):
            with pytest.raises(Unavailable):
                await getattr(client, name)(body)
    assert {path for path, _ in asked} == {path for _, path in CALLS}
    assert {path for path, safe in asked if safe} == READS


@each_call
async def test_a_service_lets_nobody_in_without_its_key(
    services: Services, service: str, path: str
) -> None:
    for headers in ({}, {"X-Service-Key": "wrong"}, {"X-Service-Key": KEY[:-1]}):
        async with services.session.post(
            services.urls[service] + path, data=b"{}", headers=headers
        ) as answered:
            assert answered.status == 401
            assert (await answered.json(content_type=None)) == {
                "type": "/problems/service-key-required",
                "status": 401,
            }


@each_call
async def test_a_service_refuses_a_field_that_it_does_not_know(
    services: Services, service: str, path: str
) -> None:
    async with services.session.post(
        services.urls[service] + path, json={"is_admin": True}, headers={"X-Service-Key": KEY}
    ) as answered:
        assert answered.status == 422
        document = await answered.json(content_type=None)
    assert document["type"] == "/problems/invalid-request"
    reasons = {each["field"]: each["reason"] for each in document["errors"]}
    assert reasons["is_admin"] == "unknown-field"


@each_call
async def test_a_service_refuses_what_is_no_contract(
    services: Services, service: str, path: str
) -> None:
    for body in (b"", b"nonsense", b"[]", b"null", b'{"sub": "\xff"}'):
        async with services.session.post(
            services.urls[service] + path, data=body, headers={"X-Service-Key": KEY}
        ) as answered:
            assert answered.status == 422
            assert answered.content_type == "application/problem+json"


@each_call
async def test_a_service_is_asked_by_post_alone(
    services: Services, service: str, path: str
) -> None:
    async with services.session.get(
        services.urls[service] + path, headers={"X-Service-Key": KEY}
    ) as answered:
        assert answered.status == 405


async def refused(asked: Coroutine[Any, Any, object]) -> Refusal:
    with pytest.raises(Refusal) as raised:
        await asked
    return raised.value


async def test_a_wrong_password_is_the_same_refusal_on_this_side(peopled: Services) -> None:
    refusal = await refused(peopled.credentials.verify(verify(SecretStr("wrong"))))
    assert (refusal.type, refusal.status, refusal.extra) == ("sign-in-refused", 401, {})


async def test_a_throttled_sign_in_says_on_this_side_when_to_come_back(
    peopled: Services,
) -> None:
    for number in range(10):
        await refused(peopled.credentials.verify(verify(SecretStr(f"wrong {number}"))))
    refusal = await refused(peopled.credentials.verify(verify(OLD)))
    assert (refusal.type, refusal.status) == ("sign-in-throttled", 429)
    assert refusal.retry_after == 60


async def test_a_refused_password_has_every_reason_on_this_side(peopled: Services) -> None:
    refusal = await refused(peopled.credentials.change(change(OLD, SecretStr("password1"))))
    assert (refusal.type, refusal.status) == ("password-refused", 422)
    assert [each["reason"] for each in refusal.errors] == ["too-short", "breached", "too-guessable"]


async def test_an_ended_session_has_its_cause_on_this_side(peopled: Services) -> None:
    session = await introspect(peopled)
    await peopled.sessions.sign_out_everywhere(SignOutEverywhere(sub="person-1"))
    (kept,) = peopled.memory.sessions.kept.values()
    asked = Introspect(sub="person-1", sid=session.sid, proof=kept.proof)  # type: ignore[attr-defined]
    refusal = await refused(peopled.sessions.introspect(asked))
    assert (refusal.type, refusal.status) == ("session-revoked", 401)
    assert refusal.extra == {"cause": "signed-out-everywhere"}


async def test_what_is_not_there_is_not_found_on_this_side(peopled: Services) -> None:
    for asked in (
        peopled.profile.get(GetPerson(sub="nobody")),
        peopled.profile.photo(GetPerson(sub="nobody")),
        peopled.sessions.receipt(ReadReceipt(id="none", sub="person-1")),
        peopled.sessions.end(EndSession(sub="person-1", sid="none", cause="signed-out")),
    ):
        refusal = await refused(asked)
        assert (refusal.type, refusal.status) == ("not-found", 404)


async def test_a_taken_name_is_taken_on_this_side(peopled: Services) -> None:
    other = record("ADA@example.org")
    for asked in (
        peopled.profile.add(other),
        peopled.credentials.enroll(EnrollAccount(sub="x", user_id="Ada@Example.org")),
    ):
        refusal = await refused(asked)
        assert (refusal.type, refusal.status) == ("user-exists", 409)


async def test_fields_at_fault_are_named_on_this_side_without_their_values(
    services: Services,
) -> None:
    asked = VerifyPassword.model_construct(
        user_id="ada", password=SecretStr("hunter2" * 500), address="a"
    )
    refusal = await refused(services.credentials.peer.ask("/password/verify", asked, BaseModel))
    assert (refusal.type, refusal.status) == ("invalid-request", 422)
    assert [each["field"] for each in refusal.errors] == ["password"]
    assert "hunter2" not in repr(refusal.errors)


async def test_a_gateway_that_is_not_let_in_does_not_tell_clients_to_sign_in(
    services: Services,
) -> None:
    stranger = ProfileClient(services.peer("profile", key="another"))
    refusal = await refused(stranger.get(GetPerson(sub="ada")))
    assert (refusal.type, refusal.status) == ("service-unavailable", 503)


async def test_what_travels_keeps_every_field(peopled: Services) -> None:
    full = AddPerson(
        organization="halden",
        user_id="jonas@example.org",
        display_name="Jonas Brandt \U0001f9a6",
        emails=("jonas@example.org", "j@example.org"),
        job_title="Verkaufsleiter Nord",
        department="Vertrieb",
        office="Bremen, 2.03",
        phones=("+49 421 5550 147",),
        manager="person-1",
        preferred_language="de",
        roles=("admin",),
        groups=("bremen", "sales"),
    )
    added = await peopled.profile.add(full)
    person = await peopled.profile.get(GetPerson(sub=added.sub))
    told = person.model_dump(include=set(AddPerson.model_fields) - {"organization", "manager"})
    assert told == full.model_dump(exclude={"organization", "manager", "groups", "by"})
    user = await peopled.profile.user(ReadUser(sub=added.sub))
    assert user.groups == full.groups
    assert person.manager is not None
    assert person.manager.display_name == "Ada Marsh"
    raw = await peopled.profile.get_raw(GetPerson(sub=added.sub))
    assert type(person).model_validate_json(raw) == person


async def test_a_device_is_recognised_across_the_contract(peopled: Services) -> None:
    established = await peopled.sessions.establish(establish())
    assert established.device.key is not None
    known = await peopled.sessions.recognise(RecogniseDevice(device_key=established.device.key))
    assert (known.device_id, known.sub) == (established.device.id, "person-1")
