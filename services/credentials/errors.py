"""What the credentials service refuses."""

from collections.abc import Sequence

from shared.contracts.refusals import Refusal


class SignInRefused(Refusal):
    """The user ID or the password is wrong; which of them is not said."""

    type, status = "sign-in-refused", 401


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
