"""All authentication methods of a person, and what a change makes of them. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.credentials.errors import (
    FactorRequired,
    MethodExists,
    MethodNotFound,
    NotADefault,
    PasskeyTaken,
    SetupEnded,
    TooManyAppPasswords,
    TooManyAuthenticators,
    TooManyMethods,
    TooManyPasskeys,
)
from services.credentials.method import Method, new_id
from shared.contracts import methods as contract
from shared.contracts.events import Cause, ChangeType, CredentialChange, CredentialChangePayload
from shared.contracts.methods import Kind, What
from shared.contracts.refusals import Refusal

MostOfKind: dict[Kind, int] = {
    "authenticator": 5,
    "passkey": 20,
    "email": 5,
    "sms": 5,
    "voice": 5,
    "app-password": 40,
}
_TOO_MANY: dict[Kind, type[Refusal]] = {
    "authenticator": TooManyAuthenticators,
    "passkey": TooManyPasskeys,
    "app-password": TooManyAppPasswords,
}
_CAUSES: dict[ChangeType, Cause] = {
    "create": "method-added",
    "update": "method-replaced",
    "revoke": "recovery-code-used",
    "delete": "method-removed",
}


@dataclass(frozen=True)
class Asked:
    """When a sign-in first asked for what may be put off, and until when that may be.

    Both are by the store's clock. Once set, `until` is never moved to a later time.
    """

    at: datetime
    until: datetime


@dataclass(frozen=True)
class LastChange:
    """What was done last, to which method. `at` is the store's, and None until it is stored."""

    what: What
    kind: Kind | None = None
    label: str = ""
    at: datetime | None = None

    @classmethod
    def of(cls, what: What, method: Method) -> "LastChange":
        """Return what was done to one method."""
        return cls(what, method.kind, method.label or method.hint or "")


@dataclass(frozen=True)
class SecurityInfo:
    """All methods of a person, oldest first. `version` guards against two changes at once.

    `must_register` says that an admin wants a second factor to be registered at the next sign-in.
    `asked_since` is there while something that was asked for has not been done, and `confirmed_at`
    says when the owner last said that the methods are right. `asked_for_reset` is the same of what
    a reset takes, until something for that is registered.
    """

    sub: str
    version: int = 0
    methods: tuple[Method, ...] = ()
    default: str | None = None
    must_register: bool = False
    asked_since: Asked | None = None
    asked_for_reset: Asked | None = None
    confirmed_at: datetime | None = None
    last_change: LastChange | None = None

    @property
    def is_guarding(self) -> bool:
        """Tell whether a sign-in has to look at them, since the password alone may not do."""
        return bool(self.factors) or self.must_register

    @property
    def proved(self) -> tuple[Method, ...]:
        """Return the methods that count."""
        return tuple(each for each in self.methods if each.proved)

    @property
    def factors(self) -> tuple[Method, ...]:
        """Return what a sign-in may rest on beside the password."""
        return tuple(each for each in self.methods if each.is_factor)

    def is_known_right(self, methods: Sequence[Method], at: datetime, *, days: int) -> bool:
        """Tell whether that was known of methods so many days ago at most; 0 is for ever.

        A method was right when it was set up, which took no more than some minutes.
        """
        known = [each.created_at for each in methods]
        known += [self.confirmed_at] if known and self.confirmed_at is not None else []
        return not days or not known or at - max(known) < timedelta(days=days)

    @property
    def challenging(self) -> tuple[contract.Method, ...]:
        """Return what a sign-in may be asked for, the default first; nothing without a factor."""
        if not self.factors:
            return ()
        usable = [each for each in self.proved if each.is_factor or each.codes]
        asked = sorted(usable, key=lambda each: each.id != self.default)
        return tuple(map(self.shown, asked))

    @property
    def resetting(self) -> tuple[Method, ...]:
        """Return what a forgotten password may be reset with, where policy says so."""
        usable = [each for each in self.proved if each.kind != "recovery-codes" or each.codes]
        return tuple(each for each in usable if "reset" in each.use)

    @property
    def recovery_codes(self) -> Method | None:
        """Return the recovery codes, used up or not."""
        return next((each for each in self.methods if each.kind == "recovery-codes"), None)

    @property
    def questions(self) -> Method | None:
        """Return the security questions."""
        return next((each for each in self.methods if each.kind == "security-questions"), None)

    def app_password(self, mark: str) -> Method | None:
        """Return the app password that is known by this."""
        found = (e for e in self.methods if e.kind == "app-password" and e.mark == mark)
        return next(found, None)

    def under(self, epoch: int) -> "SecurityInfo":
        """Return it without app passwords that were made under an earlier epoch: they are over."""
        kept = tuple(each for each in self.methods if each.epoch is None or each.epoch >= epoch)
        return replace(self, methods=kept)

    def with_credential(self, credential_id: str) -> Method | None:
        """Return the method whose passkey it is."""
        found = (e for e in self.methods if e.passkey and e.passkey.credential_id == credential_id)
        return next(found, None)

    def method(self, method_id: str) -> Method:
        """Return a proved method, or raise `MethodNotFound`."""
        found = next((each for each in self.methods if each.id == method_id), None)
        if found is None or not found.proved:
            raise MethodNotFound
        return found

    def asked(self, method_id: str) -> Method:
        """Return a method that a challenge may be on, or raise `MethodNotFound`."""
        found = self.method(method_id)
        if "mfa" not in found.use:
            raise MethodNotFound
        return found

    def unproved(self, method_id: str, *, at: datetime) -> Method:
        """Return a method that waits to be proved, or raise `SetupEnded`."""
        found = next((each for each in self.methods if each.id == method_id), None)
        if found is None or not found.is_open(at):
            raise SetupEnded
        return found

    def with_unproved(self, new: Method) -> "SecurityInfo":
        """Return it with a method that is yet to be proved; an older such one goes."""
        self._check_room_for(new)
        return replace(self, methods=(*self.proved, new))

    def with_active(self, new: Method) -> "SecurityInfo":
        """Return it with a method that has nothing to prove."""
        self._check_room_for(new)
        last_change = LastChange.of("added", new)
        return replace(self, methods=(*self.methods, new), last_change=last_change)

    def with_recovery_codes(self, new: Method) -> "SecurityInfo":
        """Return it with fresh recovery codes in place of the older ones."""
        if not self.factors:
            raise FactorRequired
        kept = tuple(each for each in self.methods if each.kind != new.kind)
        last_change = LastChange.of("codes", new)
        return replace(
            self,
            methods=(*kept, new),
            last_change=last_change,
            asked_for_reset=self._asked_for_reset_after(new),
        )

    def with_questions(self, new: Method) -> "SecurityInfo":
        """Return it with these security questions in place of the older ones."""
        kept = tuple(each for each in self.methods if each.kind != new.kind)
        last_change = LastChange.of("added" if self.questions is None else "replaced", new)
        return replace(
            self,
            methods=(*kept, new),
            last_change=last_change,
            asked_for_reset=self._asked_for_reset_after(new),
        )

    def with_proved(self, method: Method) -> "SecurityInfo":
        """Return it with a method that has shown to work, in place of what it replaces."""
        self._check_room_for(method)
        replaced = next((e for e in self.methods if e.id == method.instead_of), method)
        label = method.label or replaced.label
        proved = replace(method, proved=True, instead_of=None, label=label)
        kept = tuple(each for each in self.methods if each.id not in {method.id, method.instead_of})
        is_asked_first = self.default is None or self.default == method.instead_of
        return replace(
            self,
            methods=(*kept, proved),
            default=proved.id if is_asked_first and proved.is_factor else self.default,
            must_register=self.must_register and not proved.is_factor,
            asked_since=None if proved.is_factor else self.asked_since,
            asked_for_reset=self._asked_for_reset_after(proved),
            last_change=LastChange.of("replaced" if method.instead_of else "added", proved),
        )

    def with_changed(self, changed: Method) -> "SecurityInfo":
        """Return it with one method changed."""
        methods = tuple(changed if each.id == changed.id else each for each in self.methods)
        return replace(self, methods=methods)

    def with_label(self, method_id: str, label: str) -> "SecurityInfo":
        """Return it with a method that is called something else."""
        renamed = replace(self.method(method_id), label=label)
        return replace(self.with_changed(renamed), last_change=LastChange.of("renamed", renamed))

    def without(self, method_id: str) -> "SecurityInfo":
        """Return it without a method. Another default is promoted, the oldest factor there is.

        Recovery codes go with the last factor.
        """
        removed = self.method(method_id)
        left = replace(
            self,
            methods=tuple(each for each in self.methods if each.id != method_id),
            last_change=LastChange.of("removed", removed),
        )
        if removed.is_factor and not left.factors:
            kept = tuple(each for each in left.methods if each.kind != "recovery-codes")
            left = replace(left, methods=kept)
        if self.default != method_id:
            return left
        promoted = next((each.id for each in left.factors), None)
        return replace(left, default=promoted)

    def cleared(self) -> "SecurityInfo":
        """Return it without any method, for a second factor to be registered anew."""
        last_change = LastChange("cleared") if self.proved else self.last_change
        return SecurityInfo(self.sub, self.version, must_register=True, last_change=last_change)

    def confirmed(self, at: datetime) -> "SecurityInfo":
        """Return it after its owner said that the methods are right."""
        return replace(self, confirmed_at=at, asked_since=None)

    def with_default(self, method_id: str) -> "SecurityInfo":
        """Return it with another default."""
        chosen = self.method(method_id)
        if not chosen.is_factor:
            raise NotADefault
        if self.default == method_id:
            return self
        return replace(self, default=method_id, last_change=LastChange.of("default", chosen))

    def shown(self, method: Method) -> contract.Method:
        """Return a method as its owner sees it."""
        is_codes = method.kind == "recovery-codes"
        return contract.Method(
            id=method.id,
            kind=method.kind,
            label=method.label,
            hint=method.hint,
            use=method.use,
            default=method.id == self.default,
            created_at=method.created_at,
            last_used_at=method.last_used_at,
            codes_left=len(method.codes) if is_codes else None,
        )

    @property
    def changed_last(self) -> contract.LastChange | None:
        """Return the last change as its owner sees it."""
        last = self.last_change
        if last is None or last.at is None:
            return None
        return contract.LastChange(at=last.at, what=last.what, kind=last.kind, label=last.label)

    def _asked_for_reset_after(self, new: Method) -> Asked | None:
        # What a reset takes besides, today or one day, has time of its own.
        return None if "reset" in new.use else self.asked_for_reset

    def _check_room_for(self, new: Method) -> None:
        alike = [each for each in self.proved if each.kind == new.kind]
        if new.mark is not None and any(each.mark == new.mark for each in alike):
            raise MethodExists
        if new.instead_of is None:
            if len(alike) >= MostOfKind[new.kind]:
                raise _TOO_MANY.get(new.kind, TooManyMethods)
        elif all(each.id != new.instead_of for each in alike):
            raise MethodNotFound
        if new.passkey is not None and self.with_credential(new.passkey.credential_id) is not None:
            raise PasskeyTaken


@dataclass(frozen=True)
class Changed:
    """What a change makes of the methods, and which of them it is to be told of, if any.

    `kept` is the session that goes on, although what it rests on was replaced; `also` are methods
    that went with the one that it is about. `cause` is said where the kind of change does not.
    `use` is the id of a use that is not to be waited for.
    """

    info: SecurityInfo
    method: Method | None = None
    change: ChangeType = "update"
    kept: str | None = None
    also: tuple[str, ...] = ()
    cause: Cause | None = None
    by_admin: bool = False
    use: str | None = None

    @classmethod
    def cleared(cls, info: SecurityInfo) -> "Changed":
        """Return what taking all of them away makes; nobody is told where there are none."""
        first = next(iter(info.proved), None)
        also = tuple(each.id for each in info.proved[1:])
        return cls(
            info.cleared(), first, "delete", also=also, cause="methods-cleared", by_admin=True
        )

    @classmethod
    def used(cls, info: SecurityInfo, method: Method, *, settle_later: bool) -> "Changed":
        """Return what a right answer makes; its owner is told of a recovery code that is gone."""
        after = info.with_changed(method)
        if method.kind == "recovery-codes":
            return cls(after, method, "revoke")
        return cls(after, use=new_id() if settle_later else None)

    @classmethod
    def with_default(cls, info: SecurityInfo, method_id: str) -> "Changed":
        """Return what choosing a default makes; nobody is told where it was that before."""
        after = info.with_default(method_id)
        if after is info:
            return cls(info)
        return cls(after, after.method(method_id), cause="default-changed")

    @property
    def gone(self) -> tuple[str, ...]:
        """Return the methods on which nothing may rest any more."""
        return self.payload.gone if self.payload is not None else ()

    @property
    def revision(self) -> int:
        """Return the version that the methods have once the change is stored."""
        return self.info.version + 1

    @property
    def payload(self) -> CredentialChangePayload | None:
        """Return what is told of it, if anything is."""
        if self.method is None:
            return None
        return CredentialChangePayload(
            credential_type=self.method.credential_type,
            change_type=self.change,
            cause=self.cause or _CAUSES[self.change],
            method=self.method.instead_of or self.method.id,
            kept=self.kept,
            also=self.also,
            revision=self.revision,
            codes_left=len(self.method.codes) if self.change == "revoke" else None,
        )

    def event(self, sub: str, *, at: datetime) -> CredentialChange | None:
        """Return what others are told."""
        payload = self.payload
        if payload is None:
            return None
        return CredentialChange(
            id=new_id(),
            subject=sub,
            occurred_at=at,
            initiating_entity="admin" if self.by_admin else "user",
            payload=payload,
        )
