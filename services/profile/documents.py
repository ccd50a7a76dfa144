"""Terms of use, what people decide about them, and the rules. Nothing here reads or writes."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from services.profile.errors import (
    AcceptanceStands,
    NoDraft,
    NoSuchTerms,
    TermsChanged,
    TermsWithoutText,
)
from shared.contracts.refusals import ChangedMeanwhile
from shared.contracts.sessions import Where
from shared.contracts.terms import Decided, ReAccept, Status, TermsContent


@dataclass(frozen=True)
class Version:
    """One version of a document; its texts are kept beside it, and only their titles are known.

    `pdfs` says, by language, which of them are a PDF, and which one.

    The `revision` rises with each change of the document. It is a draft until it is published, and
    in force from `effective_at` by the store's clock.
    """

    document: str
    organization: str
    number: int
    revision: int
    required: bool
    re_accept: ReAccept
    valid_days: int | None
    titles: Mapping[str, str]
    published_at: datetime | None = None
    effective_at: datetime | None = None
    pdfs: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_draft(self) -> bool:
        """Tell whether it can still be changed."""
        return self.published_at is None

    def language(self, preferred: Iterable[str]) -> str:
        """Return the language to read it in: one of the preferred, else its first."""
        by_tag = {each.lower(): each for each in self.titles}
        by_name = {each.lower().partition("-")[0]: each for each in reversed([*self.titles])}
        for tag in preferred:
            found = by_tag.get(tag.lower()) or by_name.get(tag.lower().partition("-")[0])
            if found is not None:
                return found
        return next(iter(self.titles))

    def saying(self, content: TermsContent) -> "Version":
        """Return it with another content."""
        return replace(
            self,
            required=content.required,
            re_accept=content.re_accept,
            valid_days=content.valid_days,
            titles={each.language: each.title for each in content.texts},
            pdfs=_pdfs(content),
        )


def _pdfs(content: TermsContent) -> dict[str, str]:
    return {each.language: each.pdf for each in content.texts if each.pdf is not None}


@dataclass(frozen=True)
class Decision:
    """What a subject decided about a version, in which language, when, and from where.

    It is their `number`th about this document, counted from 1. `expires_at` is there where an
    acceptance is valid for some days only.
    """

    document: str
    organization: str
    sub: str
    number: int
    version: int
    decision: Decided
    title: str
    language: str
    where: Where
    valid_days: int | None
    at: datetime

    @property
    def key(self) -> str:
        """What it is known by. Two at once have the same, so that only one is kept."""
        return f"{self.document}.{self.sub}.{self.number}"

    @property
    def expires_at(self) -> datetime | None:
        """Until when it holds, if not for good."""
        if self.decision == "declined" or self.valid_days is None:
            return None
        return self.at + timedelta(days=self.valid_days)


@dataclass(frozen=True)
class Document:
    """All versions of a document, the oldest first, as of a moment of the store's clock."""

    versions: tuple[Version, ...]
    now: datetime

    @property
    def id(self) -> str:
        """Which it is."""
        return self.newest.document

    @property
    def newest(self) -> Version:
        """The highest version, in force or not."""
        return self.versions[-1]

    @property
    def draft(self) -> Version | None:
        """The version that is not published yet."""
        return self.newest if self.newest.is_draft else None

    @cached_property
    def in_force(self) -> tuple[Version, ...]:
        """The versions that hold or have held.

        One that a later version had replaced before its time came never did, and asks nothing.
        """
        held: list[Version] = []
        replaced_at = self.now + timedelta.resolution
        for each in reversed(self.versions):
            if each.effective_at is not None and each.effective_at < replaced_at:
                held.insert(0, each)
                replaced_at = each.effective_at
        return tuple(held)

    @property
    def current(self) -> Version | None:
        """The version that holds."""
        return self.in_force[-1] if self.in_force else None

    @property
    def known_current(self) -> Version:
        """The version that holds, or raise where nobody knows of the document yet."""
        if self.current is None:
            raise NoSuchTerms
        return self.current

    @property
    def is_required(self) -> bool:
        """Tell whether it has to be accepted."""
        return self.current is not None and self.current.required

    @property
    def accepted_from(self) -> int:
        """The first version whose acceptance still counts."""
        anew = [each.number for each in self.in_force if each.re_accept != "no"]
        return anew[-1] if anew else self.versions[0].number

    @property
    def at_once_from(self) -> int | None:
        """The first version whose acceptance lets an open session go on; None where any goes."""
        anew = [each.number for each in self.in_force if each.re_accept == "at-once"]
        return anew[-1] if anew else None

    def require(self, revisions: Iterable[int] | None) -> None:
        """Raise unless it is at one of these revisions, where they are named."""
        if revisions is not None and self.newest.revision not in revisions:
            raise ChangedMeanwhile

    @property
    def pdfs(self) -> set[str]:
        """All PDFs that any of its versions says."""
        return {pdf for each in self.versions for pdf in each.pdfs.values()}

    def left_out(self, draft: Version | None) -> set[str]:
        """Return the PDFs that no version says any more with this draft, or with none."""
        said = {pdf for each in self.versions if not each.is_draft for pdf in each.pdfs.values()}
        return self.pdfs - said - set(draft.pdfs.values() if draft is not None else ())

    def version(self, number: int | None) -> Version:
        """Return a version, or the newest, or raise."""
        found = [each for each in self.versions if number in {None, each.number}]
        if not found:
            raise NoSuchTerms
        return found[-1]

    def drafted(self, content: TermsContent) -> Version:
        """Return the draft with another content; one is begun where there is none."""
        newest = self.newest
        draft = newest if newest.is_draft else replace(newest, number=newest.number + 1)
        unpublished = replace(draft, published_at=None, effective_at=None)
        return replace(unpublished.saying(content), revision=newest.revision + 1)

    def known_draft(self) -> Version:
        """Return the draft, or raise where there is none."""
        if self.draft is None:
            raise NoDraft
        return self.draft

    def to_publish(self) -> Version:
        """Return the draft with its next revision, or raise where it says nothing."""
        draft = self.known_draft()
        if not draft.titles:
            raise TermsWithoutText
        return replace(draft, revision=draft.revision + 1)


def first_draft(organization: str, content: TermsContent) -> Version:
    """Return the draft that a document begins with."""
    return Version(
        document=secrets.token_urlsafe(12),
        organization=organization,
        number=1,
        revision=1,
        required=content.required,
        re_accept=content.re_accept,
        valid_days=content.valid_days,
        titles={each.language: each.title for each in content.texts},
        pdfs=_pdfs(content),
    )


@dataclass(frozen=True)
class Standing:
    """Where a subject stands with a document: what they decided about it, the oldest first."""

    document: Document
    decisions: tuple[Decision, ...] = field(default=())

    @property
    def acceptance(self) -> Decision | None:
        """The newest acceptance that is not over."""
        now = self.document.now
        held = [
            each
            for each in self.decisions
            if each.decision == "accepted" and (each.expires_at is None or each.expires_at > now)
        ]
        return max(held, key=lambda each: (each.version, each.number), default=None)

    @property
    def holding(self) -> Decision | None:
        """The acceptance that counts for the current version."""
        accepted = self.acceptance
        is_enough = accepted is not None and accepted.version >= self.document.accepted_from
        return accepted if is_enough else None

    @property
    def is_missing(self) -> bool:
        """Tell whether a sign-in has to wait for it."""
        return self.document.is_required and self.holding is None

    @property
    def is_missing_at_once(self) -> bool:
        """Tell whether an open session has to wait for it."""
        least, accepted = self.document.at_once_from, self.acceptance
        if least is None or not self.document.is_required:
            return False
        return accepted is None or accepted.version < least

    @property
    def declined(self) -> Decision | None:
        """What they declined last and have not accepted since."""
        last = self.decisions[-1] if self.decisions else None
        return last if last is not None and last.decision == "declined" else None

    @property
    def status(self) -> Status:
        """Where they stand with the current version."""
        if self.holding is not None:
            return "accepted"
        current = self.document.current
        if current is not None and self._has_declined(current.number):
            return "declined"
        return "missing"

    def shown(self, number: int | None) -> Version:
        """Return the current version, or another one that the subject decided about, or raise."""
        current = self.document.known_current
        decided = {each.version for each in self.decisions}
        if number is None or number == current.number:
            return current
        found = [each for each in self.document.versions if each.number == number]
        if not found or number not in decided:
            raise NoSuchTerms
        return found[0]

    def decide(
        self, sub: str, decision: Decided, version: int, languages: Sequence[str], where: Where
    ) -> Decision | None:
        """Return what is to be kept; None where it says nothing that is not kept already.

        Raise where another version is current by now, or where it was accepted before it is
        declined: that cannot be undone.
        """
        current = self.document.known_current
        if version != current.number:
            raise TermsChanged(version=current.number)
        if self._says_already(decision, version):
            return None
        language = current.language(languages)
        return Decision(
            document=self.document.id,
            organization=current.organization,
            sub=sub,
            number=len(self.decisions) + 1,
            version=version,
            decision=decision,
            title=current.titles[language],
            language=language,
            where=where,
            valid_days=current.valid_days,
            at=self.document.now,
        )

    def _says_already(self, decision: Decided, version: int) -> bool:
        accepted = self.acceptance
        is_accepted = accepted is not None and accepted.version == version
        if decision == "accepted":
            return is_accepted
        if is_accepted:
            raise AcceptanceStands
        return self._has_declined(version)

    def _has_declined(self, version: int) -> bool:
        return self.declined is not None and self.declined.version == version

    def with_(self, decision: Decision) -> "Standing":
        """Return it after another decision."""
        return replace(self, decisions=(*self.decisions, decision))
