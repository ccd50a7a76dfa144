"""The calls of the contract of the credentials service, each as far as it takes."""

import pyotp
from pydantic import BaseModel, SecretStr

from shared.contracts.accounts import (
    DisableAccount,
    EnableAccount,
    ReadAccount,
    RequirePasswordChange,
    SetTemporaryPassword,
)
from shared.contracts.app_passwords import AppPassword, CheckAppPassword, MakeAppPassword
from shared.contracts.credentials import (
    AskRequirements,
    ChangePassword,
    CheckPassword,
    ConfirmPassword,
    EnrollAccount,
    ReplacePassword,
    VerifyPassword,
)
from shared.contracts.methods import (
    AnswerChallenge,
    AuthenticatorSetup,
    BeginChallenge,
    ChallengeAnswered,
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
    SettleAnswer,
)
from shared.contracts.passkeys import BeginPasskeySignIn, EnrollPasskey, VerifyPasskey
from shared.contracts.policy import PutMethodsPolicy, PutPasswordPolicy, ReadPolicy
from shared.contracts.questions import QuestionAnswer, SetSecurityQuestions
from tests.contract.http.services import PORTAL, Calls, Services
from tests.memory.authenticator import SoftAuthenticator

OLD, NEW = SecretStr("violet otter counts nine lamps"), SecretStr("seven quiet boats in march")


def verify(password: SecretStr) -> VerifyPassword:
    return VerifyPassword(user_id="ada@example.org", password=password, address="192.0.2.7")


def change(old: SecretStr, new: SecretStr) -> ChangePassword:
    return ChangePassword(sub="person-1", old_password=old, new_password=new, address="192.0.2.7")


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
            sub="person-1",
            epoch=1,
            id=setup.id,
            answer=code(services, setup),
            address="192.0.2.7",
            settle_later=True,
        )
    )


async def settle(services: Services) -> BaseModel:
    answered = await answer(services)
    assert isinstance(answered, ChallengeAnswered)
    assert answered.unsettled is not None
    return await services.credentials.settle(SettleAnswer(sub="person-1", use=answered.unsettled))


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


CREDENTIALS_CALLS: Calls = {
    ("credentials", "/password-policy/read"): lambda s: s.credentials.password_policy(
        ReadPolicy(organization="halden")
    ),
    ("credentials", "/password-policy/put"): lambda s: s.credentials.put_password_policy(
        PutPasswordPolicy(organization="halden", minimum_length=15)
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
    ("credentials", "/challenge/settle"): settle,
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
}
