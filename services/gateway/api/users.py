"""The part of the API's table for what admins do to single users."""

from dataclasses import dataclass
from typing import get_args

from pydantic import BaseModel, Field, SecretStr

from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.api.preconditions import if_match, versioned
from services.gateway.forms import Body, ChangeUserBody, Password
from services.gateway.requests import IF_MATCH
from services.gateway.users import KnownUser, Users
from shared.contracts.methods import Kind
from shared.contracts.profile import Person
from shared.contracts.users import Emptiable, RecordChanges

_EMPTIABLE: tuple[Emptiable, ...] = get_args(Emptiable)


class TemporaryPasswordBody(Body):
    """The password to be given; one is made up if it is left out."""

    password: Password | None = None


class RegisteredMethod(BaseModel):
    """A kind of method that somebody has, and whether policy allows it."""

    kind: Kind
    allowed: bool


class Registered(BaseModel):
    """What somebody has registered: whether it is enough for a second factor, and for a reset.

    `reset` is null where policy does not let them reset their password.
    """

    mfa: bool
    reset: bool | None = None
    methods: tuple[RegisteredMethod, ...]


class UserItem(Person):
    """A user with their groups, with what they have registered, and whether they are let in."""

    groups: tuple[str, ...]
    disabled: bool
    registered: Registered

    @classmethod
    def of(cls, known: KnownUser) -> "UserItem":
        """Return a user as an admin sees them. Of a method it says no address and no number."""
        record = known.user.model_dump(include=set(cls.model_fields) - {"disabled"})
        methods = tuple(
            RegisteredMethod(kind=each.kind, allowed=each.allowed) for each in known.methods
        )
        return cls(
            **record,
            disabled=known.account.disabled,
            registered=Registered(
                mfa=known.has_factor,
                reset=known.for_reset.registered if known.for_reset.enabled else None,
                methods=methods,
            ),
        )


class TemporaryPasswordGiven(BaseModel):
    """What was ended by it, and the password if it was made up: it is said this once."""

    receipt: str
    password: str | None = Field(default=None, exclude_if=lambda each: each is None)


class AdminReceipt(BaseModel):
    """The receipt of what was ended."""

    receipt: str


@dataclass(frozen=True)
class UsersApi:
    """The operations, each over one flow."""

    users: Users

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        nobody, last_admin = {404: "not-found"}, {409: "last-admin"}
        return [
            Operation(
                "GET", "/admin/users/{id}", "One user", self._read, "admin",
                answers={200: UserItem}, refusals=nobody,
            ),
            Operation(
                "PATCH", "/admin/users/{id}", "Change a user's record", self._change, "admin",
                ChangeUserBody, {200: UserItem},
                {**nobody, **last_admin, 412: "changed-meanwhile"}, headers=(IF_MATCH,),
            ),
            Operation(
                "DELETE", "/admin/users/{id}", "Delete a user", self._delete, "admin",
                answers={204: None},
                refusals={**nobody, **last_admin, 412: "changed-meanwhile", 503: "too-busy"},
                headers=(IF_MATCH,),
            ),
            Operation(
                "POST", "/admin/users/{id}/temporary-password",
                "Give a user a temporary password and end whatever is open of theirs",
                self._set_temporary_password, "admin", TemporaryPasswordBody,
                {200: TemporaryPasswordGiven},
                {**nobody, 422: "password-refused", 503: "too-busy"}, repeats=False,
            ),
            Operation(
                "POST", "/admin/users/{id}/sign-out", "End whatever is open of a user",
                self._sign_out, "admin", answers={202: AdminReceipt}, refusals=nobody,
            ),
            Operation(
                "POST", "/admin/users/{id}/disable", "Let nobody into a user's account",
                self._disable, "admin", answers={202: AdminReceipt},
                refusals={**nobody, **last_admin, 503: "too-busy"},
            ),
            Operation(
                "POST", "/admin/users/{id}/enable", "Let a user in again", self._enable, "admin",
                answers={204: None}, refusals={**nobody, 503: "too-busy"},
            ),
        ]  # fmt: skip

    async def _read(self, call: Call) -> Answer:
        return _user(await self.users.read(call.admin, call.path("id")))

    async def _change(self, call: Call) -> Answer:
        said = call.body(ChangeUserBody).model_dump(exclude_unset=True)
        changed = await self.users.change(
            call.admin,
            call.path("id"),
            RecordChanges(**said),
            emptied=tuple(name for name in _EMPTIABLE if said.get(name, "") is None),
            replaces=if_match(call.request),
        )
        return _user(changed)

    async def _delete(self, call: Call) -> Answer:
        await self.users.delete(call.admin, call.path("id"), replaces=if_match(call.request))
        return Answer(None, 204)

    async def _set_temporary_password(self, call: Call) -> Answer:
        password = call.body(TemporaryPasswordBody).password
        given = await self.users.set_temporary_password(call.admin, call.path("id"), password)
        return Answer(TemporaryPasswordGiven(receipt=given.receipt, password=_said(given.password)))

    async def _sign_out(self, call: Call) -> Answer:
        revoked = await self.users.sign_out(call.admin, call.path("id"))
        return Answer(AdminReceipt(receipt=revoked.receipt), 202)

    async def _disable(self, call: Call) -> Answer:
        shut = await self.users.disable(call.admin, call.path("id"))
        return Answer(AdminReceipt(receipt=shut.receipt or ""), 202)

    async def _enable(self, call: Call) -> Answer:
        await self.users.enable(call.admin, call.path("id"))
        return Answer(None, 204)


def _user(known: KnownUser) -> Answer:
    # It names the record alone: what a user registers meanwhile makes no admin begin anew.
    return versioned(UserItem.of(known), known.user.revision)


def _said(password: SecretStr | None) -> str | None:
    return password.get_secret_value() if password is not None else None
