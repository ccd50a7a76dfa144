"""The calls of the contract of the profile service, each as far as it takes."""

import base64

from shared.contracts.audit import Actor, NoteAudit, ReadAudit
from shared.contracts.policy import PutPortalPolicy, ReadPolicy
from shared.contracts.profile import (
    AddPerson,
    GetPerson,
    Helpdesk,
    ListPeople,
    PutOrganization,
    PutPhoto,
)
from shared.contracts.users import ChangeUser, NoteAccount, ReadUser
from tests.contract.http.services import Calls

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


def record(user_id: str) -> AddPerson:
    return AddPerson(organization="halden", user_id=user_id, display_name="Ada Marsh")


PROFILE_CALLS: Calls = {
    ("profile", "/organizations/put"): lambda s: s.profile.put_organization(
        PutOrganization(id="x", name="X")
    ),
    ("profile", "/people/add"): lambda s: s.profile.add(record("bob@example.org")),
    ("profile", "/people/get"): lambda s: s.profile.get(GetPerson(sub="person-1")),
    ("profile", "/people/list"): lambda s: s.profile.list(ListPeople(organization="halden")),
    ("profile", "/people/put-photo"): lambda s: s.profile.put_photo(
        PutPhoto(sub="person-1", image=PNG)
    ),
    ("profile", "/people/photo"): lambda s: s.profile.photo(GetPerson(sub="person-1")),
    ("profile", "/audit/read"): lambda s: s.profile.audit(ReadAudit(organization="halden")),
    ("profile", "/audit/note"): lambda s: s.profile.note(
        NoteAudit(by=Actor(sub="root", organization="halden"), action="replay-event")
    ),
    ("profile", "/policy/read"): lambda s: s.profile.policy(ReadPolicy(organization="halden")),
    ("profile", "/policy/put"): lambda s: s.profile.put_policy(
        PutPortalPolicy(organization="halden", helpdesk=Helpdesk(name="Desk"))
    ),
    ("profile", "/users/read"): lambda s: s.profile.user(ReadUser(sub="person-1")),
    ("profile", "/users/change"): lambda s: s.profile.change_user(
        ChangeUser(sub="person-1", organization="halden")
    ),
    ("profile", "/users/note-account"): lambda s: s.profile.note_account(
        NoteAccount(sub="person-1", organization="halden", disabled=True, revision=1)
    ),
}
