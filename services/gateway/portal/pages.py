"""The portal as a whole: its pages, put together."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from services.gateway.account import Account
from services.gateway.activity import Activity
from services.gateway.devices import Devices
from services.gateway.organizations import OwnOrganizations
from services.gateway.password_reset import PasswordReset
from services.gateway.personal_data import PersonalData
from services.gateway.portal.activity_pages import ActivityPages
from services.gateway.portal.admin_audit_pages import AdminAuditPages
from services.gateway.portal.admin_device_pages import AdminDevicePages
from services.gateway.portal.admin_import_pages import AdminImportPages
from services.gateway.portal.admin_member_pages import AdminMemberPages
from services.gateway.portal.admin_one_user_pages import AdminOneUserPages
from services.gateway.portal.admin_organization_pages import AdminOrganizationPages
from services.gateway.portal.admin_pages import AdminFlows, AdminPages, Admins
from services.gateway.portal.admin_policy_pages import AdminPolicyPages
from services.gateway.portal.admin_published_terms_pages import AdminPublishedTermsPages
from services.gateway.portal.admin_terms_pages import AdminTermsPages
from services.gateway.portal.admin_user_pages import AdminUserPages
from services.gateway.portal.app_password_pages import AppPasswordPages
from services.gateway.portal.challenge_pages import ChallengePages
from services.gateway.portal.device_pages import DevicePages
from services.gateway.portal.first_password_pages import FirstPasswordPages
from services.gateway.portal.language_pages import LanguagePages
from services.gateway.portal.organization_pages import OrganizationPages
from services.gateway.portal.page import Pages
from services.gateway.portal.passkey_pages import PasskeyPages
from services.gateway.portal.password_pages import PasswordPages
from services.gateway.portal.password_reset_pages import PasswordResetPages
from services.gateway.portal.personal_data_pages import PersonalDataPages
from services.gateway.portal.problem_pages import ProblemPages
from services.gateway.portal.profile_pages import ProfilePages
from services.gateway.portal.question_pages import QuestionPages
from services.gateway.portal.receipt_pages import ReceiptPages
from services.gateway.portal.registration_pages import RegistrationPages
from services.gateway.portal.reminder_pages import ReminderPages
from services.gateway.portal.security_info_pages import SecurityInfoPages
from services.gateway.portal.sent_code_pages import SentCodePages
from services.gateway.portal.session_pages import SessionPages
from services.gateway.portal.sign_in_pages import SignInPages
from services.gateway.portal.step_up_pages import StepUpPages
from services.gateway.portal.terms_pages import TermsPages
from services.gateway.portal.terms_sign_in_pages import TermsSignInPages
from services.gateway.portal.trust_pages import TrustPages
from services.gateway.portal.visits import Visits
from services.gateway.registration import Registration
from services.gateway.requests import Requests
from services.gateway.security_info import SecurityInfo
from services.gateway.terms_at_sign_in import TermsFlows
from shared.clock import SystemClock
from shared.texts import Catalogues


@dataclass(frozen=True)
class AccountFlows:
    """What people do with accounts of their own."""

    account: Account
    security_info: SecurityInfo
    devices: Devices
    activity: Activity
    password_reset: PasswordReset
    data: PersonalData
    organizations: OwnOrganizations


class Portal:
    """Every page there is, over the flows that the JSON API calls too."""

    def __init__(
        self,
        requests: Requests,
        catalogues: Catalogues,
        registration: Registration,
        own: AccountFlows,
        admin: AdminFlows,
    ) -> None:
        account, security_info, devices = own.account, own.security_info, own.devices
        visits, sign_in = Visits(requests, account), registration.sign_in
        self._pages = pages = Pages(visits, catalogues, SystemClock())
        self._problems = ProblemPages(pages, visits)
        methods = SecurityInfoPages(pages, visits, security_info, devices.trust)
        signing_in = SignInPages(pages, visits, sign_in, account)
        terms = TermsFlows.of(sign_in)
        admins, users, policies = Admins(pages, visits), admin.users, admin.policies
        self._areas = (
            signing_in,
            FirstPasswordPages(pages, visits, sign_in, signing_in),
            RegistrationPages(pages, visits, registration, signing_in),
            TermsSignInPages(pages, visits, terms.at_sign_in, signing_in),
            ReminderPages(pages, visits, registration, signing_in),
            PasswordResetPages(pages, visits, own.password_reset),
            ProfilePages(
                pages, visits, account, security_info, devices, own.activity, own.organizations
            ),
            ChallengePages(pages, visits, sign_in, signing_in),
            methods,
            TrustPages(visits, devices.trust),
            PasskeyPages(signing_in, methods),
            AppPasswordPages(methods),
            QuestionPages(methods),
            SentCodePages(pages, visits, security_info, methods),
            StepUpPages(pages, visits, security_info.step_ups),
            PasswordPages(pages, visits, account, security_info.step_ups),
            ActivityPages(pages, visits, own.activity),
            PersonalDataPages(pages, visits, own.data),
            SessionPages(pages, visits, account),
            DevicePages(pages, visits, devices),
            ReceiptPages(pages, visits, account),
            OrganizationPages(pages, visits, own.organizations),
            TermsPages(pages, visits, terms.own),
            AdminPages(admins),
            AdminUserPages(admins, users),
            AdminDevicePages(admins, users, devices),
            AdminOneUserPages(admins, users, policies),
            AdminOrganizationPages(admins, admin.organizations),
            AdminMemberPages(admins, admin.organizations),
            AdminImportPages(admins, admin.method_import),
            AdminPolicyPages(admins, policies),
            AdminTermsPages(admins, terms.administration),
            AdminPublishedTermsPages(admins, terms.administration),
            AdminAuditPages(admins, admin.audit),
            LanguagePages(catalogues),
            self._problems,
            pages.files,
        )

    def install(self, app: web.Application) -> None:
        """Set the templates up and add the routes."""
        self._pages.install(app)
        for area in self._areas:
            app.add_routes(area.routes())

    async def problem(self, request: web.Request, document: dict[str, Any]) -> web.Response:
        """Return a problem as a page."""
        return await self._problems.problem(request, document)
