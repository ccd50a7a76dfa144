"""The table of the API: every operation there is, each parse, one call, render."""

import base64
from dataclasses import dataclass

from aiohttp import web

from services.gateway.account import Account
from services.gateway.activity import Activity
from services.gateway.administration import Administration
from services.gateway.api.activity import ActivityApi
from services.gateway.api.app_passwords import AppPasswordApi
from services.gateway.api.audit import AuditApi
from services.gateway.api.bodies import (
    ChangePasswordBody,
    CheckPasswordBody,
    ConfirmBody,
    ReceiptGiven,
    ReceiptItems,
    SessionItem,
    SessionItems,
    UserItems,
)
from services.gateway.api.devices import DevicesApi
from services.gateway.api.method_import import MethodImportApi
from services.gateway.api.operations import STREAM, Answer, Call, Operation
from services.gateway.api.organizations import OrganizationsApi
from services.gateway.api.organizations_admin import OrganizationsAdministrationApi
from services.gateway.api.parked_events import ParkedEventsApi
from services.gateway.api.password_policy import PasswordPolicyApi
from services.gateway.api.password_reset import PasswordResetApi
from services.gateway.api.personal_data import PersonalDataApi
from services.gateway.api.policy import PolicyApi
from services.gateway.api.portal_policy import PortalPolicyApi
from services.gateway.api.questions import QuestionApi
from services.gateway.api.receipts import receipt_given
from services.gateway.api.security_info import SecurityInfoApi
from services.gateway.api.sign_in import SignInApi
from services.gateway.api.streams import stream
from services.gateway.api.terms import TermsApi
from services.gateway.api.terms_administration import TermsAdministrationApi
from services.gateway.api.terms_files import TermsFilesApi
from services.gateway.api.users import UsersApi
from services.gateway.audit import AuditTrail
from services.gateway.devices import Devices
from services.gateway.forms import AddUserBody
from services.gateway.live import LiveSessions
from services.gateway.method_import import MethodImport
from services.gateway.organizations import OrganizationFlows
from services.gateway.password_reset import PasswordReset
from services.gateway.personal_data import PersonalData
from services.gateway.policy import Policies
from services.gateway.registration import Registration
from services.gateway.requests import RECEIPT_HEADER
from services.gateway.security_info import SecurityInfo
from services.gateway.sign_in import SignIn
from services.gateway.terms_at_sign_in import TermsFlows
from services.gateway.users import Users
from shared.contracts.credentials import PasswordReport
from shared.contracts.profile import AddPerson, LongestSearch, Me, Person
from shared.contracts.sessions import Receipt
from shared.texts import Catalogues

_SEARCH = {"type": "string", "maxLength": LongestSearch}
_REFUSED_CHANGE = {
    403: "wrong-password, step-up-required", 409: "password-changed-meanwhile",
    422: "password-refused", 429: "sign-in-throttled", 503: "too-busy, password-change-unconfirmed",
}  # fmt: skip


@dataclass(frozen=True)
class Api:
    """The operations, over the flows that the portal's pages call too."""

    sign_in: SignIn
    registration: Registration
    account: Account
    security_info: SecurityInfo
    administration: Administration
    users: Users
    policies: Policies
    live: LiveSessions
    devices: Devices
    activity: Activity
    catalogues: Catalogues
    audit: AuditTrail
    password_reset: PasswordReset
    method_import: MethodImport
    terms: TermsFlows
    data: PersonalData
    organizations: OrganizationFlows

    def operations(self) -> list[Operation]:
        """Return the whole table."""
        return [
            *SignInApi(self.sign_in, self.registration, self.terms, self.account).operations(),
            *self._my_account(),
            *SecurityInfoApi(self.security_info).operations(),
            *AppPasswordApi(self.security_info).operations(),
            *QuestionApi(self.catalogues).operations(),
            *DevicesApi(self.devices).operations(),
            *ActivityApi(self.activity).operations(),
            *PersonalDataApi(self.data).operations(),
            *OrganizationsApi(self.organizations).operations(),
            *TermsApi(self.terms).operations(),
            *TermsFilesApi(self.terms).operations(),
            *self._passwords(),
            *PasswordResetApi(self.password_reset, self.policies, self.catalogues).operations(),
            *self._admin(),
            *UsersApi(self.users).operations(),
            *OrganizationsAdministrationApi(self.organizations).operations(),
            *TermsAdministrationApi(self.terms).operations(),
            *MethodImportApi(self.method_import).operations(),
            *PolicyApi(self.policies).operations(),
            *PasswordPolicyApi(self.policies).operations(),
            *PortalPolicyApi(self.policies).operations(),
            *AuditApi(self.audit).operations(),
            *ParkedEventsApi(self.administration).operations(),
        ]

    def _my_account(self) -> list[Operation]:
        return [
            Operation("GET", "/me", "My profile", self._me, answers={200: Me}),
            Operation(
                "GET", "/me/photo", "My photo", self._photo, answers={200: bytes},
                refusals={404: "not-found"}, media_type="image/*",
            ),
            Operation(
                "GET", "/me/sessions", "My open sessions", self._sessions,
                answers={200: SessionItems}, paged=True,
            ),
            Operation(
                "DELETE", "/me/sessions/{sid}", "End one of my sessions", self._end_session,
                answers={204: None}, refusals={404: "not-found"},
            ),
            Operation(
                "POST", "/me/sign-out-everywhere", "End everything that is signed in",
                self._sign_out_everywhere, body=ConfirmBody, answers={202: ReceiptGiven},
                refusals={422: "confirmation-required"},
            ),
            Operation(
                "GET", "/me/receipts", "My receipts", self._receipts,
                answers={200: ReceiptItems}, paged=True,
            ),
            Operation(
                "GET", "/me/receipts/{id}", "One receipt, by session or by Receipt-Token",
                self._receipt, "receipt", answers={200: Receipt},
                refusals={404: "not-found", 422: "invalid-request"}, headers=(RECEIPT_HEADER,),
            ),
            Operation(
                "GET", "/me/events", "What happens to this session, as it happens",
                self._events, answers={200: str}, media_type=STREAM, renews=False,
                before_terms=True,
            ),
        ]  # fmt: skip

    def _passwords(self) -> list[Operation]:
        return [
            Operation(
                "POST", "/me/password", "Change my password", self._change_password,
                body=ChangePasswordBody, answers={202: ReceiptGiven},
                refusals=_REFUSED_CHANGE,
            ),
            Operation(
                "POST", "/me/password/check", "Rate a password; nothing is stored",
                self._check_password, body=CheckPasswordBody, answers={200: PasswordReport},
            ),
        ]  # fmt: skip

    def _admin(self) -> list[Operation]:
        return [
            Operation(
                "GET", "/admin/users", "The organization's users", self._users, "admin",
                answers={200: UserItems}, paged=True, queries={"search": _SEARCH},
            ),
            Operation(
                "POST", "/admin/users", "Add a user", self._add_user, "admin",
                AddUserBody, {201: Person},
                {409: "user-exists", 422: "password-refused", 503: "too-busy"},
            ),
        ]  # fmt: skip

    async def _me(self, call: Call) -> Answer:
        return Answer(await self.account.me(call.caller))

    async def _photo(self, call: Call) -> Answer:
        photo = await self.account.photo(call.caller)
        return Answer(base64.b64decode(photo.image), content_type=photo.media_type)

    async def _sessions(self, call: Call) -> Answer:
        page = await self.account.open_sessions(call.caller, limit=call.limit, after=call.after)
        current = call.caller.session.sid
        items = tuple(SessionItem.of(each, current=current) for each in page.items)
        return Answer(SessionItems(items=items, next=page.next))

    async def _end_session(self, call: Call) -> Answer:
        await self.account.end_session(call.caller, call.path("sid"))
        return Answer(None, 204)

    async def _sign_out_everywhere(self, call: Call) -> Answer:
        confirmed = call.body(ConfirmBody).confirm
        return receipt_given(
            await self.account.sign_out_everywhere(call.caller, confirmed=confirmed)
        )

    async def _receipts(self, call: Call) -> Answer:
        page = await self.account.receipts(call.caller, limit=call.limit, after=call.after)
        return Answer(ReceiptItems(items=page.items, next=page.next))

    async def _receipt(self, call: Call) -> Answer:
        sub = call.known_caller.sub if call.known_caller is not None else None
        token = call.request.headers.get(RECEIPT_HEADER)
        return Answer(await self.account.receipt(sub, call.path("id"), token))

    async def _events(self, call: Call) -> web.StreamResponse:
        return await stream(call.request, self.live.follow(call.caller))

    async def _change_password(self, call: Call) -> Answer:
        body = call.body(ChangePasswordBody)
        return receipt_given(
            await self.account.change_password(
                call.caller, old=body.old_password, new=body.new_password
            )
        )

    async def _check_password(self, call: Call) -> Answer:
        password = call.body(CheckPasswordBody).password
        return Answer(await self.account.check_password(call.caller, password))

    async def _users(self, call: Call) -> Answer:
        page = await self.administration.people(
            call.admin, limit=call.limit, after=call.after, search=call.query("search")
        )
        return Answer(UserItems(items=page.items, next=page.next))

    async def _add_user(self, call: Call) -> Answer:
        body = call.body(AddUserBody)
        record = AddPerson(
            organization=call.admin.home_organization.id,
            **body.model_dump(exclude={"password", "temporary"}),
        )
        person = await self.administration.add(
            call.admin, record, body.password, temporary=body.temporary
        )
        return Answer(person, 201)
