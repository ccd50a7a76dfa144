"""What the credentials service refuses."""

from collections.abc import Sequence

from shared.contracts.refusals import Refusal


class SignInRefused(Refusal):
    """The user ID or the password is wrong; which of them is not said."""

    type, status = "sign-in-refused", 401


class AccountIsDisabled(SignInRefused):
    """The password is right and lets nobody in, of which nobody is told anything."""


class SignInThrottled(Refusal):
    """There were too many wrong passwords; `Retry-After` says when to come back."""

    type, status = "sign-in-throttled", 429


class WrongPassword(Refusal):
    """The old password is not the current one."""

    type, status = "wrong-password", 403


class PasswordRefused(Refusal):
    """The new password breaks rules; every one it breaks is named."""

    type, status = "password-refused", 422

    def __init__(self, reasons: Sequence[str], *, field: str = "new_password") -> None:
        super().__init__(
            errors=[{"field": field, "reason": reason, "message": reason} for reason in reasons]
        )


class PasswordChangedMeanwhile(Refusal):
    """Another change of the same password was faster."""

    type, status = "password-changed-meanwhile", 409


class SignInOutdated(Refusal):
    """The account was secured while this sign-in was half done; it has to begin again."""

    type, status = "flow-ended", 410


class UserExists(Refusal):
    """The user ID is taken."""

    type, status = "user-exists", 409


class CountersUnreachable(Exception):
    """Redis does not answer; the durable counters have to do."""


class MethodNotFound(Refusal):
    """The subject has no such method, or has not proved it."""

    type, status = "not-found", 404


class CodeRefused(Refusal):
    """The code is not the one, or no longer."""

    type, status = "code-refused", 403


class CodeUsed(CodeRefused):
    """The code was right and has been used before; the next one works."""

    type = "code-used"


class SetupEnded(Refusal):
    """What was begun to be set up is over: proved, too old, or begun anew elsewhere."""

    type, status = "setup-ended", 410


class TooManyAuthenticators(Refusal):
    """There are as many authenticator apps as there may be; one of them has to go first."""

    type, status = "too-many-authenticators", 409


class TooManyMethods(Refusal):
    """There are as many methods of this kind as there may be; one of them has to go first."""

    type, status = "too-many-methods", 409


class MethodExists(Refusal):
    """The subject has proved this address or number already, for the same use."""

    type, status = "method-exists", 409


class KindNotAvailable(Refusal):
    """Nothing here sends codes of this kind."""

    type, status = "kind-not-available", 409


class TooManyCodes(Refusal):
    """As many codes were sent as may be; `Retry-After` says when the next one can be."""

    type, status = "too-many-codes", 429


class CodeNotSent(Refusal):
    """Who was to deliver the code did not take it."""

    type, status, default_retry_after = "code-not-sent", 503, 10


class AddressUndeliverable(Refusal):
    """The mail server takes nothing for this address."""

    type, status = "invalid-request", 422

    def __init__(self) -> None:
        reason = "undeliverable"
        super().__init__(errors=[{"field": "address", "reason": reason, "message": reason}])


class MessageUndelivered(Exception):
    """The mail server or the carrier did not take the message this time."""


class PasskeyRefused(Refusal):
    """What a passkey signed or made is not what was asked for, or no longer."""

    type, status = "passkey-refused", 403


class PasskeyCloned(Refusal):
    """The passkey counts its signatures, and this one was counted before: there are two of it."""

    type, status = "passkey-cloned", 403


class PasskeyTaken(Refusal):
    """The passkey is registered already, with this account or another one."""

    type, status = "passkey-taken", 409


class TooManyPasskeys(Refusal):
    """There are as many passkeys as there may be; one of them has to go first."""

    type, status = "too-many-passkeys", 409


class TooManyAppPasswords(Refusal):
    """There are as many app passwords as there may be; one of them has to go first."""

    type, status = "too-many-app-passwords", 409


class AppPasswordRefused(Refusal):
    """It is nobody's app password, or not any more; which of them is not said."""

    type, status = "app-password-refused", 401


class FactorRequired(Refusal):
    """Recovery codes stand in for another method, and there is none."""

    type, status = "factor-required", 409


class NotADefault(Refusal):
    """It is no method that can be asked for first."""

    type, status = "not-a-default", 409


class ResetEnded(Refusal):
    """The reset is over: too old, or overtaken by a change; or it was begun elsewhere."""

    type, status = "reset-ended", 410


class ResetOutOfOrder(Refusal):
    """The reset waits for something else, or for another answer that is under way."""

    type, status = "reset-out-of-order", 409


class NotAllowedByPolicy(Refusal):
    """The organization allows no methods of this kind."""

    type, status = "not-allowed-by-policy", 403


class CannotBePutOff(Refusal):
    """What the sign-in asks for has to be done now: policy allows no delay, or it is over."""

    type, status = "cannot-be-put-off", 403


class LastFactor(Refusal):
    """The organization requires a second factor, and this is the last one."""

    type, status = "last-factor", 409


class MethodsChangedMeanwhile(Exception):
    """Another change of the same subject's methods was faster; what was read is old."""
