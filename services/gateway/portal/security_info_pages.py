"""Security information: the methods beside the password, and everything one does with them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from services.gateway.model import Caller, Label
from services.gateway.portal import addresses
from services.gateway.portal.answers import read_code
from services.gateway.portal.new_password import wrong
from services.gateway.portal.page import Pages
from services.gateway.portal.step_up_pages import to_step_up
from services.gateway.portal.visits import Form, Visits
from services.gateway.qr import qr_code
from services.gateway.security_info import SecurityInfo
from services.gateway.trust import DeviceTrust
from shared.contracts.methods import AuthenticatorSetup, Kind, LongestLabel, Method
from shared.contracts.refusals import InvalidRequest, Refusal

ADDRESS = "/security"
FOR_RESET = f"{ADDRESS}#for-reset"
_LABEL: TypeAdapter[str] = TypeAdapter(Label)
_DONE = {
    "added",
    "added-address",
    "renamed",
    "removed",
    "removed-app-password",
    "promoted",
    "default",
    "trust-forgotten",
    "questions",
}
# What stands in the list with a name of its own.
_NAMED = {"authenticator", "passkey"}
# What has a section of its own.
_APART = {"app-password", "security-questions"}
_SAID_IN_PLACE = {
    "code-refused",
    "code-used",
    "passkey-refused",
    "passkey-taken",
    "too-many-passkeys",
    "not-allowed-by-policy",
    "last-factor",
    "sign-in-throttled",
    "invalid-request",
    "too-many-authenticators",
    "too-many-app-passwords",
    "factor-required",
    "setup-ended",
    "too-many-methods",
    "method-exists",
    "kind-not-available",
    "too-many-codes",
    "code-not-sent",
    "too-busy",
    "service-unavailable",
}
_Act = Callable[[web.Request, Caller, Form], Awaitable[web.Response]]


@dataclass(frozen=True)
class SecurityInfoPages:
    """The list of methods, and the forms that change it."""

    pages: Pages
    visits: Visits
    security_info: SecurityInfo
    trust: DeviceTrust

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ADDRESS, self._list),
            web.post(f"{ADDRESS}/authenticators", self.taking(self._begin)),
            web.post(f"{ADDRESS}/authenticators/prove", self._prove),
            web.post(f"{ADDRESS}/recovery-codes", self.taking(self._codes)),
            web.post(f"{ADDRESS}/rename", self.taking(self._rename)),
            web.post(f"{ADDRESS}/default", self.taking(self._default)),
            web.get(f"{ADDRESS}/remove/{{id}}", self._ask_to_remove),
            web.post(f"{ADDRESS}/remove", self.taking(self._remove)),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        return await self.stepped_up(request, lambda: self._show(request))

    def taking(self, act: _Act) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Return the handler of a form: what is refused is said above the list."""

        async def handle(request: web.Request) -> web.Response:
            caller, form = await self.visits.sent_form(request)
            try:
                return await self.stepped_up(request, lambda: act(request, caller, form))
            except Refusal as refusal:
                if refusal.type not in _SAID_IN_PLACE:
                    raise
                return await self._refuse(request, refusal)

        return handle

    async def _begin(self, request: web.Request, caller: Caller, form: Form) -> web.Response:
        setup = await self.security_info.enroll_authenticator(
            caller, label=read_label(form), instead_of=form["instead_of"] or None
        )
        return await self._setup(request, setup.id, setup)

    async def _prove(self, request: web.Request) -> web.Response:
        caller, form = await self.visits.sent_form(request)

        async def prove() -> web.Response:
            await self.security_info.prove(caller, form["id"], read_code(form))
            return _done("added")

        try:
            return await self.stepped_up(request, prove)
        except Refusal as refusal:
            if refusal.type not in _SAID_IN_PLACE:
                raise
            if refusal.type == "setup-ended":
                return await self._refuse(request, refusal)
            return await self._setup(request, form["id"], None, refusal)

    async def _codes(self, request: web.Request, caller: Caller, _form: Form) -> web.Response:
        made = await self.security_info.make_recovery_codes(caller)
        codes = [each.get_secret_value() for each in made.codes]
        return await self.pages.show(
            request,
            "recovery_codes.html",
            visitor=await self.visits.visitor(request),
            address=ADDRESS,
            codes=codes,
            revision=made.revision,
            file=f"data:text/plain;charset=utf-8,{quote(chr(10).join(codes))}",
        )

    async def _rename(self, _request: web.Request, caller: Caller, form: Form) -> web.Response:
        label = read_label(form, field=f"n-{form['id']}")
        await self.security_info.rename(caller, form["id"], label)
        return _done("renamed")

    async def _default(self, _request: web.Request, caller: Caller, form: Form) -> web.Response:
        await self.security_info.choose_default(caller, form["id"])
        return _done("default")

    async def _ask_to_remove(self, request: web.Request) -> web.Response:
        async def ask() -> web.Response:
            visitor = await self.visits.visitor(request)
            return await self.pages.show(
                request,
                "remove_method.html",
                visitor=visitor,
                address=ADDRESS,
                method=await self.security_info.method(visitor.caller, request.match_info["id"]),
            )

        return await self.stepped_up(request, ask)

    async def _remove(self, _request: web.Request, caller: Caller, form: Form) -> web.Response:
        if form["answer"] != "yes":
            return addresses.see(ADDRESS)
        method = await self.security_info.method(caller, form["id"])
        promoted = await self.security_info.remove(caller, method.id)
        if method.kind == "app-password":
            return _done("removed-app-password")
        return _done("promoted" if method.default and promoted is not None else "removed")

    async def stepped_up(
        self, request: web.Request, act: Callable[[], Awaitable[web.Response]]
    ) -> web.Response:
        """Act, or ask first who it is; what a form said has to be said again then."""
        try:
            return await act()
        except Refusal as refusal:
            if refusal.type != "step-up-required":
                raise
            is_read = request.method == "GET"
            return to_step_up(addresses.read_again(request) if is_read else ADDRESS)

    async def _refuse(self, request: web.Request, refusal: Refusal) -> web.Response:
        return await self.stepped_up(request, lambda: self._show(request, refusal))

    async def _show(self, request: web.Request, refusal: Refusal | None = None) -> web.Response:
        visitor = await self.visits.visitor(request)
        listed = await self.security_info.listed(visitor.caller)
        methods = [each for each in listed.items if each.kind not in _APART]
        done = request.query.get("done")
        return await self.pages.show(
            request,
            "security_info.html",
            visitor=visitor,
            address=ADDRESS,
            methods=methods,
            last_change=listed.last_change,
            revision=listed.revision,
            for_reset=await self.security_info.for_reset(visitor.caller, listed),
            sendable=listed.sendable,
            named=[each for each in methods if each.kind in _NAMED],
            codes=_the(listed.items, "recovery-codes"),
            app_passwords=[each for each in listed.items if each.kind == "app-password"],
            questions=_the(listed.items, "security-questions"),
            makes_questions=listed.questions,
            makes_app_passwords=listed.app_passwords,
            names={
                f"{at}-{each.id}": each.label or each.hint for each in listed.items for at in "nr"
            },
            first=next((each.label or each.hint for each in methods if each.default), ""),
            longest_label=LongestLabel,
            is_trusting=await self.trust.is_any(visitor.caller),
            done=done if done in _DONE else None,
            refusal=refusal,
        )

    async def _setup(
        self,
        request: web.Request,
        method_id: str,
        setup: AuthenticatorSetup | None,
        refusal: Refusal | None = None,
    ) -> web.Response:
        return await self.pages.show(
            request,
            "authenticator.html",
            visitor=await self.visits.visitor(request),
            address=ADDRESS,
            method_id=method_id,
            # It is shown once; who mistyped a code has it in the app by now.
            secret=setup.secret.get_secret_value() if setup else None,
            qr=qr_code(setup.otpauth_uri.get_secret_value()) if setup else None,
            refusal=refusal,
        )


def _the(methods: Sequence[Method], kind: Kind) -> Method | None:
    return next((each for each in methods if each.kind == kind), None)


def _done(what: str) -> web.Response:
    return addresses.see(addresses.with_query(ADDRESS, done=what))


def read_label(form: Form, *, field: str = "label") -> str:
    """Return what a method is to be called, or raise with the field that it was typed into."""
    label = " ".join(form["label"].split())
    try:
        return _LABEL.validate_python(label)
    except ValidationError as error:
        reason = "too-long" if len(label) > LongestLabel else "unfit" if label else "missing"
        raise InvalidRequest(errors=[wrong(field, reason)]) from error
