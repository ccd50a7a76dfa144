"""The credentials service."""

from dataclasses import dataclass

from services.gateway.clients.peer import Peer
from shared.contracts.accounts import (
    Account,
    DisableAccount,
    EnableAccount,
    ReadAccount,
    RequirePasswordChange,
    SetTemporaryPassword,
    TemporaryPassword,
)
from shared.contracts.app_passwords import (
    AppPassword,
    AppPasswordAccepted,
    CheckAppPassword,
    MakeAppPassword,
)
from shared.contracts.body import Done
from shared.contracts.credentials import (
    AskRequirements,
    ChangePassword,
    CheckPassword,
    ConfirmPassword,
    EnrollAccount,
    PasswordReport,
    ReplacePassword,
    Requirements,
    Verified,
    VerifyPassword,
)
from shared.contracts.methods import (
    AnswerChallenge,
    AnswerSettled,
    AuthenticatorSetup,
    BeginChallenge,
    ChallengeAnswered,
    ChallengeBegun,
    ChooseDefault,
    Cleared,
    ConfirmSecurityInfo,
    EnrollAuthenticator,
    EnrollSent,
    Imported,
    ImportSent,
    ListMethods,
    MakeRecoveryCodes,
    Method,
    MethodList,
    Proved,
    ProveMethod,
    PutOffSecurityInfo,
    RecoveryCodes,
    Removed,
    RemoveMethod,
    RenameMethod,
    RequireSecurityInfo,
    SentSetup,
    SettleAnswer,
)
from shared.contracts.passkeys import (
    BeginPasskeySignIn,
    EnrollPasskey,
    PasskeySetup,
    PasskeyVerified,
    VerifyPasskey,
)
from shared.contracts.policy import (
    KeptMethodsPolicy,
    KeptPasswordPolicy,
    KeptResetPolicy,
    PutMethodsPolicy,
    PutPasswordPolicy,
    PutResetPolicy,
    ReadPolicy,
)
from shared.contracts.questions import SecurityQuestionsSet, SetSecurityQuestions
from shared.contracts.resets import (
    AnswerReset,
    AskHelpdesk,
    AskRegistered,
    BeginReset,
    ChooseResetMethod,
    FinishReset,
    LookedUp,
    LookUpAccount,
    ReadReset,
    RegisteredForReset,
    ResetState,
)
from shared.contracts.sessions import Revoked


@dataclass(frozen=True)
class CredentialsClient:
    """One method per call of its contract."""

    peer: Peer

    async def enroll(self, asked: EnrollAccount) -> Done:
        """Open an account."""
        return await self.peer.ask("/accounts/enroll", asked, Done)

    async def verify(self, asked: VerifyPassword) -> Verified:
        """Tell whose password it is."""
        return await self.peer.ask("/password/verify", asked, Verified)

    async def check(self, asked: CheckPassword) -> PasswordReport:
        """Rate a password."""
        return await self.peer.ask("/password/check", asked, PasswordReport, safe=True)

    async def change(self, asked: ChangePassword) -> Revoked:
        """Change a password."""
        return await self.peer.ask("/password/change", asked, Revoked)

    async def replace(self, asked: ReplacePassword) -> Revoked:
        """Replace a password for which a second factor was shown."""
        return await self.peer.ask("/password/replace", asked, Revoked)

    async def replace_temporary(self, asked: ReplacePassword) -> Revoked:
        """Replace a temporary password."""
        return await self.peer.ask("/password/replace-temporary", asked, Revoked)

    async def confirm(self, asked: ConfirmPassword) -> Done:
        """Tell that a password is its subject's."""
        return await self.peer.ask("/password/confirm", asked, Done)

    async def methods(self, asked: ListMethods) -> MethodList:
        """Return a subject's methods."""
        return await self.peer.ask("/methods/list", asked, MethodList, safe=True)

    async def enroll_authenticator(self, asked: EnrollAuthenticator) -> AuthenticatorSetup:
        """Begin to set up an authenticator app."""
        return await self.peer.ask("/methods/enroll-authenticator", asked, AuthenticatorSetup)

    async def enroll_passkey(self, asked: EnrollPasskey) -> PasskeySetup:
        """Begin to set up a passkey."""
        return await self.peer.ask("/methods/enroll-passkey", asked, PasskeySetup)

    async def make_recovery_codes(self, asked: MakeRecoveryCodes) -> RecoveryCodes:
        """Make new recovery codes."""
        return await self.peer.ask("/methods/make-recovery-codes", asked, RecoveryCodes)

    async def make_app_password(self, asked: MakeAppPassword) -> AppPassword:
        """Make an app password."""
        return await self.peer.ask("/methods/make-app-password", asked, AppPassword)

    async def import_sent(self, asked: ImportSent) -> Imported:
        """Add an address or a number that an admin vouches for."""
        return await self.peer.ask("/methods/import-sent", asked, Imported)

    async def set_security_questions(self, asked: SetSecurityQuestions) -> SecurityQuestionsSet:
        """Keep security questions in place of the older ones."""
        return await self.peer.ask("/methods/set-security-questions", asked, SecurityQuestionsSet)

    async def check_app_password(self, asked: CheckAppPassword) -> AppPasswordAccepted:
        """Tell whose app password it is."""
        return await self.peer.ask("/app-passwords/check", asked, AppPasswordAccepted)

    async def enroll_sent(self, asked: EnrollSent) -> SentSetup:
        """Begin to set up an address or a number."""
        return await self.peer.ask("/methods/enroll-sent", asked, SentSetup)

    async def send_again(self, asked: BeginChallenge) -> Done:
        """Send another code to a method that waits to be proved."""
        return await self.peer.ask("/methods/send-again", asked, Done)

    async def prove(self, asked: ProveMethod) -> Proved:
        """Take a method into use."""
        return await self.peer.ask("/methods/prove", asked, Proved)

    async def rename(self, asked: RenameMethod) -> Method:
        """Call a method something else."""
        return await self.peer.ask("/methods/rename", asked, Method)

    async def remove(self, asked: RemoveMethod) -> Removed:
        """Remove a method."""
        return await self.peer.ask("/methods/remove", asked, Removed)

    async def choose_default(self, asked: ChooseDefault) -> Done:
        """Ask for a method first."""
        return await self.peer.ask("/methods/choose-default", asked, Done)

    async def begin(self, asked: BeginChallenge) -> ChallengeBegun:
        """Begin a challenge."""
        return await self.peer.ask("/challenge/begin", asked, ChallengeBegun)

    async def answer(self, asked: AnswerChallenge) -> ChallengeAnswered:
        """Answer a challenge."""
        return await self.peer.ask("/challenge/answer", asked, ChallengeAnswered)

    async def settle(self, asked: SettleAnswer) -> AnswerSettled:
        """Tell whether an answer that was taken is kept."""
        return await self.peer.ask("/challenge/settle", asked, AnswerSettled, safe=True)

    async def requirements(self, asked: AskRequirements) -> Requirements:
        """Return what a sign-in takes besides what was shown; asked again, it is the same."""
        return await self.peer.ask("/requirements/ask", asked, Requirements, safe=True)

    async def account(self, asked: ReadAccount) -> Account:
        """Return whether an account lets its owner in."""
        return await self.peer.ask("/accounts/read", asked, Account, safe=True)

    async def disable(self, asked: DisableAccount) -> Account:
        """Let nobody into an account."""
        return await self.peer.ask("/accounts/disable", asked, Account)

    async def enable(self, asked: EnableAccount) -> Account:
        """Let the owner of an account in again."""
        return await self.peer.ask("/accounts/enable", asked, Account)

    async def require_password_change(self, asked: RequirePasswordChange) -> Done:
        """Have a password changed at the next sign-in."""
        return await self.peer.ask("/password/require-change", asked, Done)

    async def set_temporary_password(self, asked: SetTemporaryPassword) -> TemporaryPassword:
        """Put a temporary password in place of an account's own."""
        return await self.peer.ask("/password/set-temporary", asked, TemporaryPassword)

    async def put_off(self, asked: PutOffSecurityInfo) -> Done:
        """Go on with a sign-in without what it asks for."""
        return await self.peer.ask("/methods/put-off", asked, Done)

    async def confirm_methods(self, asked: ConfirmSecurityInfo) -> Done:
        """Note that a subject's methods are still right."""
        return await self.peer.ask("/methods/confirm", asked, Done)

    async def require_anew(self, asked: RequireSecurityInfo) -> Cleared:
        """Take a subject's methods away."""
        return await self.peer.ask("/methods/require-anew", asked, Cleared)

    async def password_policy(self, asked: ReadPolicy) -> KeptPasswordPolicy:
        """Return an organization's policy for passwords."""
        return await self.peer.ask("/password-policy/read", asked, KeptPasswordPolicy, safe=True)

    async def put_password_policy(self, asked: PutPasswordPolicy) -> KeptPasswordPolicy:
        """Replace an organization's policy for passwords."""
        return await self.peer.ask("/password-policy/put", asked, KeptPasswordPolicy)

    async def policy(self, asked: ReadPolicy) -> KeptMethodsPolicy:
        """Return an organization's policy for methods."""
        return await self.peer.ask("/policy/read", asked, KeptMethodsPolicy, safe=True)

    async def put_policy(self, asked: PutMethodsPolicy) -> KeptMethodsPolicy:
        """Replace an organization's policy for methods."""
        return await self.peer.ask("/policy/put", asked, KeptMethodsPolicy)

    async def reset_policy(self, asked: ReadPolicy) -> KeptResetPolicy:
        """Return an organization's policy for resets."""
        return await self.peer.ask("/reset/policy/read", asked, KeptResetPolicy, safe=True)

    async def put_reset_policy(self, asked: PutResetPolicy) -> KeptResetPolicy:
        """Replace an organization's policy for resets."""
        return await self.peer.ask("/reset/policy/put", asked, KeptResetPolicy)

    async def registered_for_reset(self, asked: AskRegistered) -> RegisteredForReset:
        """Tell whether somebody may reset their password, and has registered enough."""
        return await self.peer.ask("/reset/registered", asked, RegisteredForReset, safe=True)

    async def look_up(self, asked: LookUpAccount) -> LookedUp:
        """Tell whose user ID it is."""
        return await self.peer.ask("/reset/look-up", asked, LookedUp, safe=True)

    async def begin_reset(self, asked: BeginReset) -> Done:
        """Begin to reset a password."""
        return await self.peer.ask("/reset/begin", asked, Done)

    async def reset(self, asked: ReadReset) -> ResetState:
        """Return how far a reset has come."""
        return await self.peer.ask("/reset/read", asked, ResetState, safe=True)

    async def choose_reset_method(self, asked: ChooseResetMethod) -> ResetState:
        """Ask for a method."""
        return await self.peer.ask("/reset/choose", asked, ResetState)

    async def answer_reset(self, asked: AnswerReset) -> ResetState:
        """Take a proof."""
        return await self.peer.ask("/reset/answer", asked, ResetState)

    async def finish_reset(self, asked: FinishReset) -> Revoked:
        """Set the new password."""
        return await self.peer.ask("/reset/finish", asked, Revoked)

    async def ask_helpdesk(self, asked: AskHelpdesk) -> Done:
        """Have the admins told."""
        return await self.peer.ask("/reset/ask-helpdesk", asked, Done)

    async def begin_passkey(self, asked: BeginPasskeySignIn) -> ChallengeBegun:
        """Begin a sign-in with a passkey alone."""
        return await self.peer.ask("/passkey/begin", asked, ChallengeBegun)

    async def verify_passkey(self, asked: VerifyPasskey) -> PasskeyVerified:
        """Tell whose passkey it is."""
        return await self.peer.ask("/passkey/verify", asked, PasskeyVerified)
