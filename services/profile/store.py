"""What the profile service keeps, in the words of its trade."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from services.profile.documents import Decision, Document, Standing, Version
from services.profile.memberships import Invitation, Membership
from services.profile.model import Noted, Notice, OrganizationRecord, PersonRecord
from services.profile.pdf import PdfFile
from services.profile.trail import Entry, Head, Told
from shared.contracts.audit import AuditFilter
from shared.contracts.events import Event
from shared.contracts.organizations import LeavePolicy, MembershipState
from shared.contracts.personal_data import Erasure, FoundSubject
from shared.contracts.policy import PortalPolicy
from shared.contracts.profile import AddPerson, Photo
from shared.contracts.terms import TermsText
from shared.owed import OwedStore
from shared.policies import Replaced, Telling

T = TypeVar("T")

EVERYTHING = AuditFilter()


def nothing_told(_sub: str) -> Event | None:
    """Return what is told where nobody asks to be."""
    return None


class PeopleStore(Protocol):
    """People, their organizations and photos."""

    async def put_organization(self, organization: OrganizationRecord) -> None:
        """Keep an organization, whose policy stays where an admin has replaced it."""
        ...

    async def put_portal_policy(
        self,
        organization: str,
        policy: PortalPolicy,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Keep an organization's policy in place of one of these versions, and tell of it.

        Raise `ChangedMeanwhile` where another one stands there; with no versions named, any may.
        """
        ...

    async def organization(self, organization_id: str) -> OrganizationRecord | None:
        """Return an organization."""
        ...

    async def add_person(
        self, record: AddPerson, told: Callable[[str], Event | None] = nothing_told
    ) -> tuple[PersonRecord, bool]:
        """Keep a new person and tell of their id, or return who has the user ID.

        Also return whether they are new.
        """
        ...

    async def person(self, sub: str) -> PersonRecord | None:
        """Return a person."""
        ...

    async def people(
        self, organization: str, *, after: str | None, limit: int, search: str | None = None
    ) -> list[PersonRecord]:
        """Return an organization's people in order of their user IDs, after one of them.

        With a `search`, return those whose user ID, name or an address begins so, in whatever case.
        Raise `UnknownCursor` where that is none of them.
        """
        ...

    async def persons_of(self, subs: Collection[str]) -> list[PersonRecord]:
        """Return those of these people whom there are."""
        ...

    async def person_called(self, user_id: str) -> PersonRecord | None:
        """Return who has a user ID."""
        ...

    async def admins(self, organization: str) -> list[PersonRecord]:
        """Return an organization's admins who can act as such."""
        ...

    async def put_photo(self, sub: str, photo: Photo) -> None:
        """Keep a person's photo."""
        ...

    async def photo(self, sub: str) -> Photo | None:
        """Return a person's photo."""
        ...


class UserTransaction(Protocol):
    """Changes to users that hold together."""

    async def user(self, organization: str, sub: str) -> PersonRecord | None:
        """Return one of an organization's users, who was not deleted."""
        ...

    async def has_another_admin(self, organization: str, sub: str) -> bool:
        """Tell whether somebody else is an admin who can act as one.

        Whoever asks at once for the same organization is answered one after the other.
        """
        ...

    async def put(self, changed: PersonRecord) -> None:
        """Keep a record in place of the revision before it, or raise `ChangedMeanwhile`."""
        ...

    async def note_account(self, sub: str, noted: Noted) -> bool:
        """Keep what is known of an account, if it is the latest; return whether it was."""
        ...

    async def forget_memberships(self, sub: str) -> None:
        """Let somebody be a guest nowhere any more, nor become one."""
        ...

    async def owe(self, notices: Iterable[Notice]) -> None:
        """Take note of mails that are owed."""
        ...

    async def emit(self, event: Event) -> None:
        """Tell of the change, once it is committed."""
        ...


class UserStore(Protocol):
    """Users as admins change them."""

    async def in_transaction(self, work: Callable[[UserTransaction], Awaitable[T]]) -> T:
        """Do the work in one transaction; it may be called again."""
        ...

    async def user_now(self, sub: str) -> PersonRecord | None:
        """Return a user as they are at this moment, whichever member is asked."""
        ...


class ErasureStore(Protocol):
    """Who was erased, and which services have confirmed it."""

    async def find(self, name: str) -> FoundSubject | None:
        """Return whose user ID this is, or who was erased under this id."""
        ...

    async def begin(self, sub: str, told: Callable[[str | None], Sequence[Event]]) -> Erasure:
        """Keep a record of an erasure that is asked for, and tell what is to be told of it.

        That depends on the organization, which is given the first time. Raise `NoSuchPerson` or
        `NotDeleted`.
        """
        ...

    async def record(self, sub: str, told: Event) -> None:
        """Keep a record of somebody who was erased before, whoever they were, and tell of it."""
        ...

    async def erasure(self, sub: str) -> Erasure | None:
        """Return the record of an erasure."""
        ...

    async def all_after(self, sub: str, *, limit: int) -> list[Erasure]:
        """Return a page of the records in order of the subjects, after one of them."""
        ...

    async def confirm(self, sub: str, keeper: str) -> None:
        """Take note that a service keeps nothing of a subject any more."""
        ...

    async def tell_again(self, event_of: Callable[[str], Event]) -> bool:
        """Tell once more of an erasure that is due, if there is one; return whether there was."""
        ...

    async def next_forgotten(self) -> str | None:
        """Return somebody who was deleted thirty days ago and is not being erased yet."""
        ...


class NoticeStore(OwedStore[Notice], Protocol):
    """Mails that are owed to people."""

    async def owe(self, event_id: str, *notices: Notice) -> None:
        """Take note of mails, once per event and once per receipt, to nobody who was erased."""
        ...

    async def owe_missed(self, after: datetime | None) -> datetime | None:
        """Take note of mails whose event never came; return up to when that was looked at."""
        ...


class AuditStore(Protocol):
    """The audit trail of each organization, to which entries are added and nothing else."""

    async def append(self, told: Told) -> None:
        """Add an entry after the last one of its organization, once per id."""
        ...

    async def organizations(self) -> list[str]:
        """Return whose trail there is."""
        ...

    async def entries(
        self,
        organization: str,
        *,
        after: int | None = None,
        limit: int,
        oldest_first: bool = True,
        wanted: AuditFilter = EVERYTHING,
    ) -> list[Entry]:
        """Return a page of a trail in the order of the entries' numbers, after one of them."""
        ...

    async def head(self, organization: str) -> Head | None:
        """Return which entry is the last."""
        ...


class TermsTransaction(Protocol):
    """Changes to terms of use that hold together."""

    async def document(self, organization: str, document_id: str) -> Document | None:
        """Return a document as of this moment, by the store's clock."""
        ...

    async def standing(self, organization: str, document_id: str, sub: str) -> Standing | None:
        """Return the same with what a subject decided about it."""
        ...

    async def epoch_of(self, sub: str) -> int:
        """Return the security epoch of a subject."""
        ...

    async def decide(self, made: Decision) -> None:
        """Keep a decision, once."""
        ...

    async def count(self, organization: str) -> int:
        """Return how many documents an organization has."""
        ...

    async def put_draft(self, draft: Version, texts: Sequence[TermsText]) -> None:
        """Keep a draft in place of the revision before it, or raise `ChangedMeanwhile`."""
        ...

    async def texts(self, document_id: str, version: int) -> tuple[TermsText, ...]:
        """Return what a version says in all its languages, in their order."""
        ...

    async def put_pdf(self, document_id: str, pdf: PdfFile) -> None:
        """Keep a PDF of a document, under what it is known by."""
        ...

    async def drop_pdfs(self, document_id: str, pdfs: Collection[str]) -> None:
        """Delete PDFs of a document that none of its versions says."""
        ...

    async def drop_draft(self, draft: Version) -> None:
        """Delete a draft, or raise `ChangedMeanwhile` where it is none any more.

        The version before it takes the next revision, so that no other draft ever has this one's.
        """
        ...

    async def publish(self, draft: Version, effective_at: datetime | None) -> None:
        """Let the draft be in force from a time on, now at the earliest, or raise the same."""
        ...

    async def emit(self, event: Event) -> None:
        """Tell of the change, once it is committed."""
        ...


class TermsStore(Protocol):
    """Terms of use in their versions, and decisions about them, to which more are only added."""

    async def in_transaction(self, work: Callable[[TermsTransaction], Awaitable[T]]) -> T:
        """Do the work in one transaction; it may be called again."""
        ...

    async def documents(self, organization: str) -> list[Document]:
        """Return an organization's documents as of this moment, by the store's clock."""
        ...

    async def document(self, organization: str, document_id: str) -> Document | None:
        """Return one of them."""
        ...

    async def standing(self, organization: str, document_id: str, sub: str) -> Standing | None:
        """Return one of them with what a subject decided about it."""
        ...

    async def texts(self, document_id: str, version: int) -> tuple[TermsText, ...]:
        """Return what a version says in all its languages, in their order."""
        ...

    async def pdf(self, document_id: str, sha256: str) -> PdfFile | None:
        """Return one of the PDFs of a document."""
        ...

    async def decisions_by(self, sub: str) -> list[Decision]:
        """Return everything that a subject decided, by document, the oldest first."""
        ...

    async def decisions_of(self, subs: Collection[str], document_id: str) -> list[Decision]:
        """Return what these people decided about a document, the oldest of each first."""
        ...

    async def decisions_about(
        self, document_id: str, *, after: str | None, limit: int
    ) -> list[Decision]:
        """Return a page of what was decided about a document, the oldest first, after one of it.

        Raise `UnknownCursor` where that is none of them.
        """
        ...


class MembershipReading(Protocol):
    """Memberships and invitations as of this moment, by the store's clock."""

    async def membership(self, organization: str, sub: str) -> Membership | None:
        """Return a membership in whatever state, unless it ended too long ago."""
        ...

    async def leave_policy(self, organization: str) -> tuple[LeavePolicy, int]:
        """Return whether guests may leave by themselves, and the version of that."""
        ...

    async def has_another_owner(self, organization: str, sub: str) -> bool:
        """Tell whether somebody else owns an organization and is let in.

        That is one of its own admins, or a guest with that role. Whoever asks in a transaction, at
        once for the same organization, is answered one after the other.
        """
        ...


class MembershipTransaction(MembershipReading, Protocol):
    """Changes to memberships that hold together."""

    async def put(self, changed: Membership) -> Membership:
        """Keep a membership in place of the revision before it, and date what has no date.

        Raise `ChangedMeanwhile` where another one stands there.
        """
        ...

    async def invite(self, made: Invitation) -> Invitation:
        """Keep an invitation, dated now, or raise `AlreadyInvited`."""
        ...

    async def take_invitation(
        self,
        invitation_id: str | None = None,
        *,
        sub: str | None = None,
        organization: str | None = None,
    ) -> Invitation | None:
        """Return an invitation and delete it: of several who ask at once, one has it.

        Without its id it is somebody's to an organization, of which there is one at most.
        """
        ...

    async def owe(self, notices: Iterable[Notice]) -> None:
        """Take note of mails that are owed."""
        ...

    async def emit(self, event: Event) -> None:
        """Tell of the change, once it is committed."""
        ...


class MembershipStore(MembershipReading, Protocol):
    """Who is a guest where, who is invited, and who may leave."""

    async def in_transaction(self, work: Callable[[MembershipTransaction], Awaitable[T]]) -> T:
        """Do the work in one transaction; it may be called again."""
        ...

    async def memberships_of(self, sub: str) -> list[Membership]:
        """Return where somebody is a guest, in order of the organizations' ids."""
        ...

    async def invitations_to(self, sub: str) -> list[Invitation]:
        """Return to what somebody is invited, the newest first."""
        ...

    async def members(
        self, organization: str, state: MembershipState, *, after: str | None, limit: int
    ) -> list[Membership]:
        """Return an organization's guests in order of their ids, after one of them."""
        ...

    async def invitations(
        self, organization: str, *, after: str | None, limit: int
    ) -> list[Invitation]:
        """Return an organization's invitations, the newest first, after one of them.

        Raise `UnknownCursor` where that is none of them.
        """
        ...

    async def put_leave_policy(
        self,
        organization: str,
        policy: LeavePolicy,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Keep a policy in place of one of these versions, and tell of it, all or nothing."""
        ...


class Texts(Protocol):
    """The words people read, by id and language."""

    def has(self, text_id: str) -> bool:
        """Tell whether there is such a text."""
        ...

    def text(self, text_id: str, language: str | None, **values: str) -> str:
        """Return a text in the language nearest to the one asked for."""
        ...

    def moment(self, at: datetime, language: str | None) -> str:
        """Return a point in time as people write it."""
        ...


PeoplePage = Sequence[PersonRecord]
