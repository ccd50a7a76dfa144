"""The gateway's capabilities over the services' real HTTP applications."""

from dataclasses import dataclass
from typing import Any, cast

import pytest
from pydantic import SecretStr

from services.gateway.acceptance import Acceptance
from services.gateway.account import Account
from services.gateway.activity import Activity
from services.gateway.administration import Administration
from services.gateway.admission import Admission
from services.gateway.attempts import Attempts
from services.gateway.devices import Devices
from services.gateway.house_rules import lease_of_rules
from services.gateway.method_import import MethodImport
from services.gateway.model import ActionRequired, Caller, FlowKey, SignedIn, SignInAttempt
from services.gateway.organizations import OrganizationFlows
from services.gateway.password_reset import PasswordReset
from services.gateway.personal_data import PersonalData
from services.gateway.policy import Policies
from services.gateway.portal_access import PortalAccess
from services.gateway.registration import Registration
from services.gateway.required_terms import RequiredTerms
from services.gateway.security_info import SecurityInfo
from services.gateway.sign_in import Outcome, SignIn
from services.gateway.step_up import StepUps
from services.gateway.terms_at_sign_in import TermsFlows
from services.gateway.trust import DeviceTrust
from services.gateway.users import Users
from shared.contracts.profile import AddPerson, Person
from shared.contracts.refusals import NotFound, Refusal
from shared.contracts.sessions import Where
from shared.parking import ParkedMessage
from tests.contract.http.services import Services
from tests.memory.gateway import MemoryAccepted, MemoryFlows

OLD, NEW = "violet otter counts nine lamps", "seven quiet boats in march"
WHERE = Where(address="192.0.2.7", user_agent="Browser/1")
CLIENT = "the browser that began it"


def key(waiting: Any, client: str = CLIENT) -> FlowKey:
    """Return what opens the flow of a sign-in that waits for something."""
    return FlowKey(waiting.flow, client)


class NothingParked:
    """No event that could not be handled."""

    async def list(self) -> list[ParkedMessage]:
        """Return none."""
        return []

    async def replay(self, message_id: str) -> None:
        """Find none."""
        raise NotFound


@dataclass
class Gateway:
    """The gateway's capabilities, and an organization with an admin."""

    services: Services

    def __post_init__(self) -> None:
        services = self.services
        clock = services.memory.clock
        self.flows = MemoryFlows(clock=clock)
        self.step_ups = StepUps(services.credentials, services.sessions, clock)
        self.administration = Administration(
            services.profile, services.credentials, NothingParked(), self.step_ups
        )
        self.rules = lease_of_rules(services.profile, services.terms, clock, clock.pause)
        self.required_terms = RequiredTerms(services.terms, services.profile, self.rules)
        self.sign_in = SignIn(
            services.credentials,
            services.profile,
            services.sessions,
            self.flows,
            clock,
            Attempts(services.sessions),
            self.required_terms,
        )
        self.data = PersonalData(services.keepers, self.step_ups)
        self.terms = TermsFlows.of(self.sign_in)
        self.portal_access = PortalAccess.of(self.rules, services.profile)
        self.admission = Admission(self.portal_access, self.required_terms)
        self.account = Account(
            services.profile,
            services.credentials,
            services.sessions,
            self.step_ups,
            self.portal_access,
        )
        self.security_info = SecurityInfo(
            services.credentials, services.profile, services.sessions, self.step_ups
        )
        self.registration = Registration(self.sign_in)
        self.organizations = OrganizationFlows.of(services.organizations, self.step_ups)
        self.policies = Policies(
            services.credentials, services.profile, services.sessions, self.portal_access
        )
        self.password_reset = PasswordReset(services.credentials, services.profile, clock.pause)
        self.users = Users(services.profile, services.credentials, services.sessions)
        self.method_import = MethodImport(services.credentials, services.profile)
        self.trust = DeviceTrust(services.sessions)
        self.activity = Activity(services.credentials, services.sessions, self.step_ups)
        self.devices = Devices(
            services.sessions, services.credentials, services.profile, self.step_ups, self.trust
        )
        self.acceptance = Acceptance(MemoryAccepted(), services.sessions)

    async def add(
        self,
        name: str,
        password: str | None = OLD,
        *,
        temporary: bool = False,
        **more: Any,
    ) -> Person:
        record = AddPerson(**self.record(name) | more)
        secret = SecretStr(password) if password is not None else None
        admin = await self.admin()
        return await self.administration.add(admin, record, secret, temporary=temporary)

    @staticmethod
    def record(name: str) -> dict[str, Any]:
        return {
            "organization": "halden",
            "user_id": f"{name}@halden.example",
            "display_name": name.title(),
            "emails": (f"{name}@halden.example",),
        }

    async def admin(self) -> Person:
        """Return an admin, who needs no account for that."""
        added = await self.services.profile.add(AddPerson(**self.record("root"), roles=("admin",)))
        caller = cast("Caller", type("Somebody", (), {"sub": added.sub})())
        return await self.administration.admin(caller)

    async def begin(
        self,
        name: str,
        password: str = OLD,
        key: str | None = None,
        code: SecretStr | None = None,
        *,
        keys: tuple[str, ...] = (),
    ) -> Outcome:
        keys = (key,) if key is not None else keys
        attempt = SignInAttempt(
            f"{name}@halden.example", SecretStr(password), WHERE, CLIENT, keys, code=code
        )
        return await self.sign_in.begin(attempt)

    async def caller(
        self, name: str, password: str = OLD, *, device_key: str | None = None
    ) -> Caller:
        signed_in = await self.begin(name, password, device_key)
        if isinstance(signed_in, ActionRequired) and signed_in.action == "register-for-reset":
            signed_in = await self.registration.register_for_reset(key(signed_in), WHERE)
        assert isinstance(signed_in, SignedIn)
        return await self.acceptance.accept(signed_in.token, WHERE)


async def refused(asked: Any) -> Refusal:
    with pytest.raises(Refusal) as raised:
        await asked
    return raised.value
