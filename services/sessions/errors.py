"""What the sessions service refuses."""

from shared.contracts.refusals import Refusal


class SessionRequired(Refusal):
    """No session was shown, or none that ever was one, or it has expired."""

    type, status = "session-required", 401


class SessionIsRevoked(Refusal):
    """The session was ended. `cause` says by what."""

    type, status = "session-revoked", 401


class EpochMovedOn(Refusal):
    """What the sign-in rested on was changed while it was going on."""

    type, status = "sign-in-refused", 401


class NoSuchSession(Refusal):
    """The subject has no open session with that id."""

    type, status = "not-found", 404


class NoSuchDevice(Refusal):
    """The subject has no such device, or it is disabled already."""

    type, status = "not-found", 404


class DeviceIsDisabled(Refusal):
    """Whoever signs in showed all that it takes, on a device that is disabled."""

    type, status = "device-disabled", 403


class NoSuchReceipt(Refusal):
    """There is no such receipt, or it is not this caller's to read."""

    type, status = "not-found", 404


class NoSuchAttempt(Refusal):
    """The subject has no row of sign-in activity with that id."""

    type, status = "not-found", 404
