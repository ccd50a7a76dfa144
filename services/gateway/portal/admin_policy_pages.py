"""What the organization demands of passwords, methods, resets and sessions, as forms."""

import re
from dataclasses import dataclass
from typing import Any, get_args

from aiohttp import web
from pydantic import BaseModel

from services.gateway.forms import (
    HelpdeskBody,
    MethodsPolicyBody,
    PasswordPolicyBody,
    PortalPolicyBody,
    ResetPolicyBody,
    SessionsPolicyBody,
)
from services.gateway.policy import Policies
from services.gateway.portal import addresses
from services.gateway.portal.admin_pages import ADDRESS as ADMIN
from services.gateway.portal.admin_pages import Act, Admins, filled, read_number, read_version
from services.gateway.portal.visits import Form, Visitor
from shared.contracts.methods import Kind
from shared.contracts.policy import (
    EnabledFor,
    PasswordPolicy,
    ResetKind,
    ResetPolicy,
    SecondFactor,
)
from shared.contracts.portal import AREAS, PROFILE_FIELDS, PortalAccess
from shared.contracts.profile import Helpdesk, Person
from shared.contracts.refusals import Refusal

ADDRESS = f"{ADMIN}/policies"
_SAID_IN_PLACE = {"invalid-request", "changed-meanwhile", "service-unavailable"}
_DONE = {"methods", "password", "portal", "reset", "sessions"}
_WORDS = re.compile(r"[,\n]")
_NUMBERS: dict[str, tuple[str, ...]] = {
    "portal": (),
    "methods": ("trust_days", "skip_days", "reconfirm_days"),
    "password": ("minimum_length", "minimum_length_with_factor", "history"),
    "reset": (
        *("questions_to_register", "questions_to_answer", "reconfirm_days"),
        *("wrong_proofs", "sends_per_hour", "mails_per_ten_minutes", "lock_hours"),
    ),
    "sessions": ("idle_minutes", "lifetime_hours", "activity_days"),
}


@dataclass(frozen=True)
class AdminPolicyPages:
    """One page with a form for each policy."""

    admins: Admins
    policies: Policies

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        acts: dict[str, Act] = {
            "methods": self._put_methods,
            "password": self._put_password,
            "portal": self._put_portal,
            "reset": self._put_reset,
            "sessions": self._put_sessions,
        }
        return [
            web.get(ADDRESS, self.admins.reading(self._read)),
            *(web.post(f"{ADDRESS}/{name}", self._taking(name, act)) for name, act in acts.items()),
        ]

    def _taking(self, policy: str, act: Act) -> Any:
        async def acted(request: web.Request, admin: Person, form: Form) -> web.Response:
            try:
                await act(request, admin, form)
            except Refusal as refusal:
                if refusal.type not in _SAID_IN_PLACE:
                    raise
                refusal.errors = tuple(_in_its_form(policy, each) for each in refusal.errors)
                visitor = await self.admins.visits.visitor(request)
                return await self._show(request, visitor, admin, (policy, form), refusal)
            return addresses.see(addresses.with_query(ADDRESS, done=policy))

        return self.admins.taking(acted, ADDRESS)

    async def _read(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        return await self._show(request, visitor, admin)

    async def _put_methods(self, _request: web.Request, admin: Person, form: Form) -> Any:
        body = filled(MethodsPolicyBody, _said("methods", form))
        await self.policies.put_methods(admin, **body.model_dump(), replaces=read_version(form))

    async def _put_password(self, _request: web.Request, admin: Person, form: Form) -> Any:
        body = filled(PasswordPolicyBody, _said("password", form))
        policy = PasswordPolicy(**body.model_dump())
        await self.policies.put_passwords(admin, policy, read_version(form))

    async def _put_portal(self, _request: web.Request, admin: Person, form: Form) -> Any:
        said = _said("portal", form)
        # Its fields stand in the form as any others do, and are at fault under their own names.
        desk = filled(HelpdeskBody, said["helpdesk"])
        policy = filled(PortalPolicyBody, said | {"helpdesk": desk}).as_policy()
        await self.policies.put_portal(admin, policy, read_version(form))

    async def _put_reset(self, _request: web.Request, admin: Person, form: Form) -> Any:
        policy = ResetPolicy(**filled(ResetPolicyBody, _said("reset", form)).model_dump())
        await self.policies.put_resets(admin, policy, read_version(form))

    async def _put_sessions(self, _request: web.Request, admin: Person, form: Form) -> Any:
        body = filled(SessionsPolicyBody, _said("sessions", form))
        await self.policies.put_session_times(
            admin, **body.model_dump(), replaces=read_version(form)
        )

    async def _show(
        self,
        request: web.Request,
        visitor: Visitor,
        admin: Person,
        sent: tuple[str, Form] | None = None,
        refusal: Refusal | None = None,
    ) -> web.Response:
        kept: dict[str, BaseModel] = {
            "methods": await self.policies.methods(admin),
            "password": await self.policies.passwords(admin),
            "portal": await self.policies.portal(admin),
            "reset": await self.policies.resets(admin),
            "sessions": await self.policies.session_times(admin),
        }
        shown = {name: policy.model_dump() for name, policy in kept.items()}
        if sent is not None:
            # What was typed stands in the form that was refused, and what holds in the others.
            policy, form = sent
            shown[policy] |= _said(policy, form)
        done = request.query.get("done")
        return await self.admins.pages.show(
            request,
            "admin_policies.html",
            visitor=visitor,
            address=ADDRESS,
            kinds=get_args(Kind),
            reset_kinds=get_args(ResetKind),
            second_factors=get_args(SecondFactor),
            enabled_for=get_args(EnabledFor),
            portal_access=get_args(PortalAccess),
            portal_fields=PROFILE_FIELDS,
            portal_areas=AREAS,
            shown=shown,
            numbers=_NUMBERS,
            contacts=tuple(Helpdesk.model_fields),
            done=done if done in _DONE else None,
            refusal=refusal,
        )


def _said(policy: str, form: Form) -> dict[str, Any]:
    """Return what a form says of a policy, to be checked or to be shown again."""
    said: dict[str, Any] = {name: read_number(form[name]) for name in _NUMBERS[policy]}
    match policy:
        case "methods":
            allowed = _chosen(form, "allows", get_args(Kind))
            said |= {"allowed": allowed, "second_factor": form["second_factor"]}
        case "password":
            said |= {"banned": _words(form["banned"])}
        case "portal":
            said |= {
                "access": form["access"],
                "groups": _words(form["groups"]),
                "fields": _chosen(form, "shows", PROFILE_FIELDS),
                "areas": _chosen(form, "shows", AREAS),
                "helpdesk": {name: form[name].strip() for name in Helpdesk.model_fields},
            }
        case "reset":
            said |= {
                "enabled_for": form["enabled_for"],
                "groups": _words(form["groups"]),
                "methods": _chosen(form, "allows", get_args(ResetKind)),
                "methods_required": read_number(form["methods_required"]),
            }
    return said


def _chosen(form: Form, verb: str, options: tuple[str, ...]) -> list[str]:
    return [each for each in options if form[f"{verb}-{each}"]]


def _words(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in _WORDS.split(text) if each.strip())


def _in_its_form(policy: str, error: dict[str, str]) -> dict[str, str]:
    # Two forms of the page may have fields of one name.
    return error | {"field": f"{policy}-{error['field'].partition('.')[0]}"}
