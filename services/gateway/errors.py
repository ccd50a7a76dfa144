"""What the gateway refuses by itself."""

from shared.contracts.refusals import Refusal, Unavailable


class SessionRequired(Refusal):
    """No session was shown, or none that is known."""

    type, status = "session-required", 401


class SessionIsRevoked(Refusal):
    """The session was ended."""

    type, status = "session-revoked", 401


class ServersNotAllowed(Refusal):
    """No server may check app passwords here: none is configured."""

    type, status = "not-allowed", 403


class ServerRefused(Refusal):
    """The server that asks did not show a name and its secret that are known here."""

    type, status = "client-refused", 401


class CsrfRefused(Refusal):
    """The request shows the browser's cookie but not the page's token."""

    type, status = "csrf-refused", 403


class NotAllowedByPolicy(Refusal):
    """The caller lacks the role that this takes."""

    type, status = "not-allowed-by-policy", 403


class DeviceIsDisabled(Refusal):
    """Whoever signs in showed all that it takes, on a device that is disabled."""

    type, status = "device-disabled", 403


class FlowEnded(Refusal):
    """The half-done sign-in is over: finished, too old, or overtaken by a change."""

    type, status = "flow-ended", 410


class FlowOutOfOrder(Refusal):
    """The half-done sign-in waits for something else.

    That a change overtook it is found out where it does that, and not before.
    """

    type, status = "flow-out-of-order", 409


class ResetEnded(Refusal):
    """The reset is over: too old, or overtaken by a change; or another client began it."""

    type, status = "reset-ended", 410


class ResetOutOfOrder(Refusal):
    """The reset waits for something else."""

    type, status = "reset-out-of-order", 409


class MethodUnknown(Refusal):
    """There is no such method, or it cannot be used here."""

    type, status = "not-found", 404


class MethodFileHeaderWrong(Refusal):
    """The first line of a file of contact methods is not the header."""

    type, status = "method-file-header-wrong", 422


class MethodFileTooLong(Refusal):
    """A file of contact methods has more bytes or lines than are read at once."""

    type, status = "method-file-too-long", 413


class StepUpRequired(Refusal):
    """The caller has to show again who they are, or with a second factor: `needs` says which."""

    type, status = "step-up-required", 403


class ConfirmationRequired(Refusal):
    """What was asked for cannot be undone and has to be confirmed."""

    type, status = "confirmation-required", 422


class IdempotencyKeyReused(Refusal):
    """The key came before, with another request."""

    type, status = "idempotency-key-reused", 422


class RequestInProgress(Refusal):
    """The same request is being answered at this moment."""

    type, status, default_retry_after = "request-in-progress", 409, 1


class AnswerLost(Unavailable):
    """A service was asked and did not say what came of it: it may have done what it was asked."""


class PasswordChangeUnconfirmed(Unavailable):
    """The password may have been changed: the answer that would say so got lost."""

    type = "password-change-unconfirmed"


class UnsupportedMediaType(Refusal):
    """The body is not of the media type that this takes."""

    type, status = "unsupported-media-type", 415


class PayloadTooLarge(Refusal):
    """The body is larger than anything this takes."""

    type, status = "payload-too-large", 413


class MethodNotAllowed(Refusal):
    """The address is right but the method is not."""

    type, status = "method-not-allowed", 405


class TermsRequired(Refusal):
    """Terms of use have to be accepted before the session goes on: `terms` says which."""

    type, status = "terms-required", 403


class TermsTooComplex(Refusal):
    """The texts would take too long to be shown; nothing was kept."""

    type, status = "terms-too-complex", 422


class TermsDeclined(Refusal):
    """Required terms of use were declined, which ends the sign-in."""

    type, status = "terms-declined", 403
