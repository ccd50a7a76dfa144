"""HTTP in: parse, one call, render."""

from aiohttp import web

from services.profile.audit import Audit
from services.profile.erasures import Erasures
from services.profile.organizations import Organizations
from services.profile.organizations_admin import OrganizationsAdministration
from services.profile.people import People
from services.profile.portal_policy import PortalPolicies
from services.profile.terms import Terms
from services.profile.terms_admin import TermsAdministration
from services.profile.users import Users
from shared.contracts import organizations as about
from shared.contracts import terms as asked
from shared.contracts.audit import NoteAudit, ReadAudit
from shared.contracts.personal_data import (
    AskErasure,
    FindSubject,
    ReadErasure,
    ReadPersonalData,
)
from shared.contracts.policy import PutPortalPolicy, ReadPolicy
from shared.contracts.profile import AddPerson, GetPerson, ListPeople, PutOrganization, PutPhoto
from shared.contracts.users import ChangeUser, NoteAccount, ReadUser
from shared.personal_data import PersonalData
from shared.service import endpoint


def routes(
    people: People, users: Users, audit: Audit, policies: PortalPolicies
) -> list[web.RouteDef]:
    """Return the routes of the service."""
    return [
        endpoint("/organizations/put", PutOrganization, people.put_organization),
        endpoint("/policy/read", ReadPolicy, policies.read),
        endpoint("/policy/put", PutPortalPolicy, policies.put),
        endpoint("/people/add", AddPerson, people.add),
        endpoint("/people/get", GetPerson, people.get),
        endpoint("/people/list", ListPeople, people.list),
        endpoint("/users/read", ReadUser, users.read),
        endpoint("/users/change", ChangeUser, users.change),
        endpoint("/users/note-account", NoteAccount, users.note_account),
        endpoint("/people/put-photo", PutPhoto, people.put_photo),
        endpoint("/people/photo", GetPerson, people.photo),
        endpoint("/audit/read", ReadAudit, audit.read),
        endpoint("/audit/note", NoteAudit, audit.note),
    ]


def personal_data_routes(data: PersonalData, erasures: Erasures) -> list[web.RouteDef]:
    """Return the routes for what is kept of people, and for its erasure."""
    return [
        endpoint("/personal-data/read", ReadPersonalData, data.read),
        endpoint("/erasures/find", FindSubject, erasures.find),
        endpoint("/erasures/ask", AskErasure, erasures.ask),
        endpoint("/erasures/read", ReadErasure, erasures.read),
    ]


def organization_routes(
    own: Organizations, administration: OrganizationsAdministration
) -> list[web.RouteDef]:
    """Return the routes for who belongs to which organization."""
    return [
        endpoint("/organizations/own", about.OfSubject, own.list),
        endpoint("/organizations/check-leave", about.Leave, own.check_leave),
        endpoint("/organizations/leave", about.Leave, own.leave),
        endpoint("/invitations/own", about.OfSubject, own.invitations),
        endpoint("/invitations/accept", about.AnswerInvitation, own.accept),
        endpoint("/invitations/decline", about.AnswerInvitation, own.decline),
        endpoint("/organizations/read", about.ReadOrganization, administration.read),
        endpoint("/organizations/put-policy", about.PutLeavePolicy, administration.put_policy),
        endpoint("/invitations/make", about.InviteMember, administration.invite),
        endpoint("/invitations/list", about.ListInvitations, administration.invitations),
        endpoint("/invitations/revoke", about.RevokeInvitation, administration.revoke),
        endpoint("/members/list", about.ListMembers, administration.members),
        endpoint("/members/read", about.FindMember, administration.member),
        endpoint("/members/change", about.ChangeMember, administration.change),
        endpoint("/members/remove", about.EndOrRestore, administration.remove),
        endpoint("/members/restore", about.EndOrRestore, administration.restore),
    ]


def terms_routes(terms: Terms, administration: TermsAdministration) -> list[web.RouteDef]:
    """Return the routes for terms of use."""
    return [
        endpoint("/terms/demands", asked.AskDemand, terms.demands),
        endpoint("/terms/missing", asked.AskMissing, terms.missing),
        endpoint("/terms/list", asked.Member, terms.in_force),
        endpoint("/terms/read", asked.ReadTerms, terms.read),
        endpoint("/terms/file", asked.ReadTermsFile, terms.file),
        endpoint("/terms/decide", asked.Decide, terms.decide),
        endpoint("/terms/history", asked.ReadHistory, terms.history),
        endpoint("/terms/documents", asked.ListDocuments, administration.documents),
        endpoint("/terms/documents/read", asked.ReadDocument, administration.read),
        endpoint("/terms/documents/add", asked.AddDocument, administration.add),
        endpoint("/terms/documents/put-draft", asked.PutDraft, administration.put_draft),
        endpoint("/terms/documents/put-pdf", asked.PutPdf, administration.put_pdf),
        endpoint("/terms/documents/file", asked.ReadDocumentFile, administration.file),
        endpoint("/terms/documents/drop-draft", asked.ChangeDocument, administration.drop_draft),
        endpoint("/terms/documents/publish", asked.PublishDraft, administration.publish),
        endpoint("/terms/acceptances", asked.ListAcceptances, administration.acceptances),
        endpoint("/terms/export", asked.ExportDecisions, administration.export),
    ]
