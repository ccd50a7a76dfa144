"""The table of the API: every operation there is, each parse, one call, render."""

import base64
from dataclasses import dataclass
from typing import cast

from aiohttp import web
from pydantic import SecretStr

from services.gateway.account import Account
from services.gateway.activity import Activity
from services.gateway.administration import Administration
from services.gateway.api.activity import ActivityApi
from services.gateway.api.app_passwords import AppPasswordApi
from services.gateway.api.audit import AuditApi
from services.gateway.api.bodies import (
    ActionBody,
    AnswerBody,
    ChallengeMethod,
    ChangePasswordBody,
    CheckPasswordBody,
    ConfirmBody,
    DeviceAnswer,
    MethodChoiceBody,
    NamedTerms,
    PasskeyBody,
    ReceiptGiven,
    ReceiptItems,
    SessionItem,
    SessionItems,
    SignInAction,
    SignInBody,
    SignInChallenge,
    SignInComplete,
    UserItems,
)
from services.gateway.api.devices import DevicesApi
from services.gateway.api.method_bodies import (
    OptionsToSign,
    PasskeyOptions,
    SignInRegistration,
)
from services.gateway.api.method_import import MethodImportApi
from services.gateway.api.operations import Answer, Call, Operation
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
from services.gateway.api.security_info import (
    REFUSED,
    REFUSED_CODE,
    REFUSED_SENDING,
    SecurityInfoApi,
    to_set_up,
)
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
from services.gateway.model import (
    ActionRequired,
    Challenged,
    FlowKey,
    PasskeyAttempt,
    SignInAttempt,
)
from services.gateway.organizations import OrganizationFlows
from services.gateway.password_reset import PasswordReset
from services.gateway.personal_data import PersonalData
from services.gateway.policy import Policies
from services.gateway.registration import Registration
from services.gateway.requests import RECEIPT_HEADER
from services.gateway.security_info import SecurityInfo
from services.gateway.sign_in import Outcome, SignIn
from services.gateway.terms_at_sign_in import TermsFlows
from services.gateway.users import Users
from shared.contracts.credentials import PasswordReport
from shared.contracts.profile import AddPerson, LongestSearch, Me, Person
from shared.contracts.sessions import Receipt
from shared.texts import Catalogues

_REFUSED_SIGN_IN = {
    401: "sign-in-refused", 403: "code-refused, code-used, device-disabled", 410: "flow-ended",
    429: "sign-in-throttled", 503: "too-busy",
}  # fmt: skip
_SEARCH = {"type": "string", "maxLength": LongestSearch}
_REFUSED_PASSKEY = {
    401: "sign-in-refused", 403: "device-disabled, passkey-cloned",
    429: "sign-in-throttled", 503: "too-busy",
}  # fmt: skip
_REFUSED_ANSWER = {401: "sign-in-refused", 403: f"{REFUSED}, device-disabled", **REFUSED_CODE}
_REFUSED_ACTION = {
    401: "sign-in-refused",
    403: f"{REFUSED}, cannot-be-put-off, terms-declined, device-disabled",
    409: "too-many-authenticators", 410: "flow-ended, setup-ended", 422: "password-refused",
    429: "sign-in-throttled", 503: "too-busy, password-change-unconfirmed",
}  # fmt: skip
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
            *self._signing_in(),
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

    def _signing_in(self) -> list[Operation]:
        states = {200: SignInComplete | SignInChallenge | SignInAction}
        return [
            Operation(
                "POST", "/sign-in", "Begin a sign-in", self._begin, "anyone",
                SignInBody, states, _REFUSED_SIGN_IN,
            ),
            Operation(
                "POST", "/sign-in/passkey/options", "Begin a sign-in with a passkey alone",
                self._begin_passkey, "anyone", answers={200: PasskeyOptions}, repeats=False,
            ),
            Operation(
                "POST", "/sign-in/passkey", "Sign in with a passkey alone", self._with_passkey,
                "anyone", PasskeyBody, states, _REFUSED_PASSKEY,
            ),
            Operation(
                "POST", "/sign-in/{flow}/method", "Be asked for another method", self._choose,
                "anyone", MethodChoiceBody, {200: SignInChallenge},
                {404: "not-found", 410: "flow-ended", **REFUSED_SENDING},
            ),
            Operation(
                "POST", "/sign-in/{flow}/answer", "Answer the challenge", self._answer,
                "anyone", AnswerBody, states, _REFUSED_ANSWER,
            ),
            Operation(
                "POST", "/sign-in/{flow}/action", "Do what the sign-in waits for", self._act,
                "anyone", ActionBody, {200: states[200] | SignInRegistration}, _REFUSED_ACTION,
            ),
            Operation(
                "POST", "/sign-out", "End this session", self._sign_out, answers={204: None},
                refusals={404: "not-found"}, before_terms=True,
            ),
        ]  # fmt: skip

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
                self._events, answers={200: str}, media_type="text/event-stream", renews=False,
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

    async def _begin(self, call: Call) -> Answer:
        body = call.body(SignInBody)
        attempt = SignInAttempt(
            user_id=body.user_id,
            password=body.password,
            where=call.where,
            client=call.client,
            device_key=body.device_key,
            device_name=body.device_name,
            language=call.language,
            code=body.code,
        )
        return _state(await self.sign_in.begin(attempt))

    async def _begin_passkey(self, call: Call) -> Answer:
        flow, options = await self.sign_in.passkey_options(call.client)
        return Answer(PasskeyOptions(flow=flow, options=OptionsToSign.of(options).options))

    async def _with_passkey(self, call: Call) -> Answer:
        body = call.body(PasskeyBody)
        attempt = PasskeyAttempt(
            key=FlowKey(body.flow, call.client),
            answer=body.shown,
            where=call.where,
            device_key=body.device_key,
            device_name=body.device_name,
            language=call.language,
        )
        return _state(await self.sign_in.with_passkey(attempt))

    async def _act(self, call: Call) -> Answer:
        body, flow = call.body(ActionBody), call.flow
        if body.new_password is not None:
            return _state(
                await self.sign_in.replace_temporary_password(flow, body.new_password, call.where)
            )
        if body.method is not None:
            begun = await self.registration.begin(flow, body.method.label)
            return Answer(SignInRegistration(flow=flow.id, method=to_set_up(begun)))
        if body.terms is not None or body.decline:
            return _state(await self._decide(call, body.terms))
        if body.skip or body.register_now or body.confirm:
            return _state(await self._reminded(call, body))
        method_id, code = cast("str", body.method_id), cast("SecretStr", body.code)
        return _state(await self.registration.prove(flow, method_id, code, call.where))

    async def _reminded(self, call: Call, body: ActionBody) -> Outcome:
        if body.skip:
            return await self.registration.put_off(call.flow, call.where)
        if body.register_now:
            return await self.registration.register_for_reset(call.flow, call.where)
        return await self.registration.confirm(call.flow, call.where)

    async def _decide(self, call: Call, terms: tuple[NamedTerms, ...] | None) -> Outcome:
        asked = self.terms.at_sign_in
        if terms is None:
            return await asked.decline(call.flow, call.where, call.languages)
        named = [(each.id, each.version) for each in terms]
        return await asked.accept(call.flow, named, call.where, call.languages)

    async def _choose(self, call: Call) -> Answer:
        method_id = call.body(MethodChoiceBody).method_id
        return _state(await self.sign_in.choose_method(call.flow, method_id))

    async def _answer(self, call: Call) -> Answer:
        body = call.body(AnswerBody)
        answered = self.sign_in.answer(
            call.flow, body.shown, call.where, trust_device=body.trust_device
        )
        return _state(await answered)

    async def _sign_out(self, call: Call) -> Answer:
        await self.account.sign_out(call.caller)
        return Answer(None, 204)

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


def _state(outcome: Outcome) -> Answer:
    if isinstance(outcome, Challenged):
        return Answer(
            SignInChallenge(
                flow=outcome.flow,
                method=ChallengeMethod.of(outcome.asked, outcome.options),
                methods=tuple(map(ChallengeMethod.of, outcome.methods)),
                sent=outcome.sent,
                trust_days=outcome.trust_days,
            )
        )
    if isinstance(outcome, ActionRequired):
        return Answer(SignInAction.of(outcome))
    return Answer(
        SignInComplete(
            token=outcome.token,
            expires_at=outcome.expires_at,
            session=outcome.session.sid,
            device=DeviceAnswer(id=outcome.device.id, key=outcome.device.key),
        )
    )
