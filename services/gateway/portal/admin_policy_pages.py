"""What the organization demands of methods and sessions, as forms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from aiohttp import web
from pydantic import BaseModel, ValidationError

from services.gateway.forms import MethodsPolicyBody, SessionsPolicyBody
from services.gateway.policy import Policies
from services.gateway.portal import addresses
from services.gateway.portal.admin_pages import ADDRESS as ADMIN
from services.gateway.portal.admin_pages import Act, Admins
from services.gateway.portal.visits import Form, Visitor
from shared.contracts.methods import Kind
from shared.contracts.policy import SecondFactor
from shared.contracts.profile import Person
from shared.contracts.refusals import InvalidRequest, Refusal
from shared.problems import field_errors

ADDRESS = f"{ADMIN}/policies"
_LONGEST_NUMBER = 9
_METHODS_NUMBERS = ("trust_days", "skip_days", "reconfirm_days")
_SESSIONS_NUMBERS = ("idle_minutes", "lifetime_hours")
_SAID_IN_PLACE = {"invalid-request", "changed-meanwhile", "service-unavailable"}
_DONE = {"methods", "sessions"}
B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True)
class AdminPolicyPages:
    """One page with a form for each policy."""

    admins: Admins
    policies: Policies

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ADDRESS, self.admins.reading(self._read)),
            web.post(f"{ADDRESS}/methods", self._taking(self._put_methods)),
            web.post(f"{ADDRESS}/sessions", self._taking(self._put_sessions)),
        ]

    def _taking(self, act: Act) -> Any:
        async def acted(request: web.Request, admin: Person, form: Form) -> web.Response:
            try:
                return await act(request, admin, form)
            except Refusal as refusal:
                if refusal.type not in _SAID_IN_PLACE:
                    raise
                visitor = await self.admins.visits.visitor(request)
                return await self._show(request, visitor, admin, form, refusal)

        return self.admins.taking(ADDRESS, acted)

    async def _read(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        return await self._show(request, visitor, admin)

    async def _put_methods(self, _request: web.Request, admin: Person, form: Form) -> web.Response:
        said = {
            "allowed": _allowed(form),
            "second_factor": form["second_factor"],
            **_numbers(form, _METHODS_NUMBERS),
        }
        body = _checked(MethodsPolicyBody, said)
        await self.policies.put_methods(admin, **body.model_dump(), replaces=_read_version(form))
        return _done("methods")

    async def _put_sessions(self, _request: web.Request, admin: Person, form: Form) -> web.Response:
        body = _checked(SessionsPolicyBody, _numbers(form, _SESSIONS_NUMBERS))
        await self.policies.put_session_times(
            admin, **body.model_dump(), replaces=_read_version(form)
        )
        return _done("sessions")

    async def _show(
        self,
        request: web.Request,
        visitor: Visitor,
        admin: Person,
        form: Form | None = None,
        refusal: Refusal | None = None,
    ) -> web.Response:
        methods = await self.policies.methods(admin)
        sessions = await self.policies.session_times(admin)
        said = form or Form()
        # What was typed stands in the form that was refused, and what holds in the others.
        chosen = said["second_factor"]
        allowed = _allowed(said) if chosen else methods.allowed
        done = request.query.get("done")
        return await self.admins.pages.show(
            request,
            "admin_policies.html",
            visitor=visitor,
            address=ADDRESS,
            kinds=get_args(Kind),
            second_factors=get_args(SecondFactor),
            allowed=allowed,
            versions={"methods": methods.version, "sessions": sessions.version},
            second_factor=chosen or methods.second_factor,
            numbers={**methods.model_dump(), **sessions.model_dump(), **said.fields},
            done=done if done in _DONE else None,
            refusal=refusal,
        )


def _read_version(form: Form) -> tuple[int, ...]:
    """Return the version that the form was made of: another admin's change is not overwritten."""
    version = _number(form["version"])
    return (version,) if isinstance(version, int) else ()


def _allowed(form: Form) -> list[Kind]:
    return [each for each in get_args(Kind) if form[f"allows-{each}"]]


def _numbers(form: Form, names: tuple[str, ...]) -> dict[str, int | str]:
    return {name: _number(form[name].strip()) for name in names}


def _number(text: str) -> int | str:
    is_number = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER
    return int(text) if is_number else text


def _checked(kind: type[B], said: Mapping[str, object]) -> B:
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        raise InvalidRequest(errors=field_errors(error)) from error


def _done(which: str) -> web.Response:
    return addresses.see(addresses.with_query(ADDRESS, done=which))
