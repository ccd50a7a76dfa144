"""HTTP in: parse, one call, render."""

from aiohttp import web

from services.credentials.accounts import Accounts
from services.credentials.app_passwords import AppPasswords
from services.credentials.asking import Asking
from services.credentials.authentication import Authentication
from services.credentials.clearing import Clearing
from services.credentials.passkey_sign_in import PasskeySignIn
from services.credentials.password import Passwords
from services.credentials.password_reset import PasswordReset
from services.credentials.password_with_code import PasswordWithCode
from services.credentials.policy import MethodPolicies
from services.credentials.reset_registration import ResetRegistration
from services.credentials.security_info import SecurityInformation
from services.credentials.security_questions import SecurityQuestions
from shared.contracts.accounts import (
    DisableAccount,
    EnableAccount,
    ReadAccount,
    RequirePasswordChange,
    SetTemporaryPassword,
)
from shared.contracts.app_passwords import CheckAppPassword, MakeAppPassword
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
    BeginChallenge,
    ChooseDefault,
    ConfirmSecurityInfo,
    EnrollAuthenticator,
    EnrollSent,
    ImportSent,
    ListMethods,
    MakeRecoveryCodes,
    ProveMethod,
    PutOffSecurityInfo,
    RemoveMethod,
    RenameMethod,
    RequireSecurityInfo,
    SettleAnswer,
)
from shared.contracts.passkeys import BeginPasskeySignIn, EnrollPasskey, VerifyPasskey
from shared.contracts.personal_data import ReadPersonalData
from shared.contracts.policy import (
    PutMethodsPolicy,
    PutPasswordPolicy,
    PutResetPolicy,
    ReadPolicy,
)
from shared.contracts.questions import SetSecurityQuestions
from shared.contracts.resets import (
    AnswerReset,
    AskHelpdesk,
    AskRegistered,
    BeginReset,
    ChooseResetMethod,
    FinishReset,
    LookUpAccount,
    ReadReset,
)
from shared.personal_data import PersonalData
from shared.service import endpoint


def routes(
    authentication: Authentication,
    passwords: Passwords,
    security_info: SecurityInformation,
    passkey_sign_in: PasskeySignIn,
    app_passwords: AppPasswords,
    clearing: Clearing,
    policies: MethodPolicies,
    asking: Asking,
) -> list[web.RouteDef]:
    """Return the routes of the service."""
    verifying = PasswordWithCode(authentication, security_info)
    return [
        endpoint("/accounts/enroll", EnrollAccount, passwords.enroll),
        endpoint("/password/verify", VerifyPassword, verifying.verify),
        endpoint("/password/check", CheckPassword, passwords.check),
        endpoint("/password/confirm", ConfirmPassword, passwords.confirm),
        endpoint("/password/change", ChangePassword, passwords.change),
        endpoint("/password/replace", ReplacePassword, passwords.replace),
        endpoint("/password/replace-temporary", ReplacePassword, passwords.replace_temporary),
        endpoint("/methods/list", ListMethods, security_info.list),
        endpoint(
            "/methods/enroll-authenticator",
            EnrollAuthenticator,
            security_info.authenticators.enroll,
        ),
        endpoint(
            "/methods/make-recovery-codes", MakeRecoveryCodes, security_info.recovery_codes.make
        ),
        endpoint("/methods/enroll-sent", EnrollSent, security_info.out_of_band.enroll),
        endpoint("/methods/import-sent", ImportSent, security_info.out_of_band.bring),
        endpoint("/methods/send-again", BeginChallenge, security_info.send_again),
        endpoint("/methods/enroll-passkey", EnrollPasskey, security_info.passkeys.enroll),
        endpoint("/methods/prove", ProveMethod, security_info.prove),
        endpoint("/methods/rename", RenameMethod, security_info.rename),
        endpoint("/methods/remove", RemoveMethod, security_info.remove),
        endpoint("/methods/choose-default", ChooseDefault, security_info.choose_default),
        endpoint("/challenge/begin", BeginChallenge, security_info.begin),
        endpoint("/methods/require-anew", RequireSecurityInfo, clearing.require),
        endpoint("/methods/put-off", PutOffSecurityInfo, asking.put_off),
        endpoint("/methods/confirm", ConfirmSecurityInfo, asking.confirm),
        endpoint("/requirements/ask", AskRequirements, asking.requirements),
        endpoint("/policy/read", ReadPolicy, policies.read),
        endpoint("/policy/put", PutMethodsPolicy, policies.put),
        endpoint("/password-policy/read", ReadPolicy, passwords.demands.read),
        endpoint("/password-policy/put", PutPasswordPolicy, passwords.demands.put),
        endpoint("/challenge/answer", AnswerChallenge, security_info.answer),
        endpoint("/challenge/settle", SettleAnswer, security_info.settle),
        endpoint("/passkey/begin", BeginPasskeySignIn, passkey_sign_in.begin),
        endpoint("/passkey/verify", VerifyPasskey, passkey_sign_in.verify),
        endpoint("/methods/make-app-password", MakeAppPassword, app_passwords.make),
        endpoint("/app-passwords/check", CheckAppPassword, app_passwords.check),
    ]


def question_routes(questions: SecurityQuestions) -> list[web.RouteDef]:
    """Return the routes for security questions."""
    return [endpoint("/methods/set-security-questions", SetSecurityQuestions, questions.register)]


def reset_routes(reset: PasswordReset, registration: ResetRegistration) -> list[web.RouteDef]:
    """Return the routes for passwords that are reset."""
    return [
        endpoint("/reset/policy/read", ReadPolicy, reset.policies.read),
        endpoint("/reset/policy/put", PutResetPolicy, reset.policies.put),
        endpoint("/reset/registered", AskRegistered, registration.registered),
        endpoint("/reset/look-up", LookUpAccount, reset.look_up),
        endpoint("/reset/begin", BeginReset, reset.begin),
        endpoint("/reset/read", ReadReset, reset.read),
        endpoint("/reset/choose", ChooseResetMethod, reset.choose),
        endpoint("/reset/answer", AnswerReset, reset.answer),
        endpoint("/reset/finish", FinishReset, reset.finish),
        endpoint("/reset/ask-helpdesk", AskHelpdesk, reset.ask_helpdesk),
    ]


def account_routes(accounts: Accounts) -> list[web.RouteDef]:
    """Return the routes for what admins do to accounts."""
    return [
        endpoint("/accounts/read", ReadAccount, accounts.read),
        endpoint("/accounts/disable", DisableAccount, accounts.disable),
        endpoint("/accounts/enable", EnableAccount, accounts.enable),
        endpoint("/password/require-change", RequirePasswordChange, accounts.require_change),
        endpoint("/password/set-temporary", SetTemporaryPassword, accounts.set_temporary),
    ]


def personal_data_routes(data: PersonalData) -> list[web.RouteDef]:
    """Return the route for what is kept of people."""
    return [endpoint("/personal-data/read", ReadPersonalData, data.read)]
