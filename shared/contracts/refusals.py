"""Refusals: what a service says when it will not do something (RFC 9457)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self


class Refusal(Exception):
    """A request that is refused for a reason the caller can act on.

    `type` is the stable slug behind `/problems/`, `status` the HTTP status,
    `errors` one `{"field", "reason", "message"}` for each field at fault,
    `retry_after` whole seconds, and `extra` the members that belong to the slug. `private` is what
    is said to the service that asked, besides, and to nobody behind it: it is no part of the body.
    """

    type: str = "internal-error"
    status: int = 500
    default_retry_after: ClassVar[int | None] = None

    def __init__(
        self,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        retry_after: int | None = None,
        **extra: Any,
    ) -> None:
        super().__init__()
        self.errors = tuple(dict(error) for error in errors)
        self.retry_after = self.default_retry_after if retry_after is None else retry_after
        self.extra = extra
        self.private: Mapping[str, Any] = {}

    def __str__(self) -> str:
        # One that came from another service has its type from there, not from its class.
        return self.type

    def body(self) -> dict[str, Any]:
        """Return the problem as the members that travel between services."""
        body: dict[str, Any] = {"type": f"/problems/{self.type}", "status": self.status}
        if self.errors:
            body["errors"] = list(self.errors)
        return body | self.extra

    @classmethod
    def of(cls, body: Mapping[str, Any], *, retry_after: int | None) -> "Refusal":
        """Rebuild the refusal that another service sent as a problem document."""
        extra = {k: v for k, v in body.items() if k not in {"type", "status", "errors"}}
        refusal = Refusal(errors=body.get("errors", ()), retry_after=retry_after, **extra)
        refusal.type = str(body["type"]).removeprefix("/problems/")
        refusal.status = int(body["status"])
        return refusal

    def because(self, **extra: Any) -> Self:
        """Add members to the problem and return it."""
        self.extra |= extra
        return self

    def privately(self, **told: Any) -> Self:
        """Add what only the service that asked is to know and return it."""
        self.private = {**self.private, **told}
        return self


class Unavailable(Refusal):
    """Something this service needs does not answer; the same call may succeed later."""

    type, status, default_retry_after = "service-unavailable", 503, 2


class Busy(Refusal):
    """There is more work than this service takes on; nothing was begun."""

    type, status, default_retry_after = "too-busy", 503, 1


class InvalidRequest(Refusal):
    """The request is understood but its fields are not acceptable."""

    type, status = "invalid-request", 422


class UnknownCursor(InvalidRequest):
    """No page of this list ended there. A cursor of another list looks like none at all."""

    def __init__(self) -> None:
        reason = "unknown-cursor"
        super().__init__(errors=[{"field": "after", "reason": reason, "message": reason}])


class ChangedMeanwhile(Refusal):
    """Somebody else has replaced it since the caller has read it; nothing was changed."""

    type, status = "changed-meanwhile", 412


class MalformedBody(Refusal):
    """The body is not the JSON document that was asked for."""

    type, status = "malformed-body", 400


class NotFound(Refusal):
    """There is no such thing, or not for this caller."""

    type, status = "not-found", 404
