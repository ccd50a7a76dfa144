"""Terms of use, as the people see them who are to accept them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from services.profile.documents import Decision, Document, Standing, Version
from services.profile.errors import NoSuchTerms, SignInOutdated
from services.profile.store_terms import TermsStore, TermsTransaction
from shared.contracts import terms as contract
from shared.contracts.events import TermsAccepted
from shared.contracts.refusals import UnknownCursor


@dataclass(frozen=True)
class Terms:
    """Read terms and decide about them. Whoever decides names the version that they have read."""

    store: TermsStore

    async def demands(self, asked: contract.AskDemand) -> contract.Demands:
        """Return what an organization requires at this moment."""
        return contract.Demands(items=_demands(await self.store.documents(asked.organization)))

    async def missing(self, asked: contract.AskMissing) -> contract.Missing:
        """Return what somebody has to accept first, and how long it stays so that it is nothing."""
        standings = await self._standings(asked)
        items = tuple(
            _missing(each.document.known_current, asked.languages)
            for each in standings
            if (each.is_missing_at_once if asked.at_once else each.is_missing)
        )
        return contract.Missing(
            items=items,
            demands=_demands(each.document for each in standings),
            holds_seconds=_holds_seconds(standings),
        )

    async def in_force(self, asked: contract.Member) -> contract.TermsItems:
        """Return all documents that are in force."""
        standings = await self._standings(asked)
        items = (_item(each, each.document.known_current, asked.languages) for each in standings)
        return contract.TermsItems(items=tuple(items))

    async def read(self, asked: contract.ReadTerms) -> contract.Terms:
        """Return a document with its text."""
        standing = await self.store.standing(asked.organization, asked.id, asked.sub)
        if standing is None:
            raise NoSuchTerms
        version = standing.shown(asked.version)
        item = _item(standing, version, asked.languages)
        texts = await self.store.texts(version.document, version.number)
        said = next(each for each in texts if each.language == item.language)
        return contract.Terms(**item.model_dump(), text=said.text, pdf=said.pdf)

    async def file(self, asked: contract.ReadTermsFile) -> contract.TermsFile:
        """Return the PDF of a version that the subject may read, in a language."""
        standing = await self.store.standing(asked.organization, asked.id, asked.sub)
        if standing is None:
            raise NoSuchTerms
        return await file_of(self.store, standing.shown(asked.version), asked.language)

    async def decide(self, asked: contract.Decide) -> contract.TermsItem:
        """Keep a decision, once. An acceptance is told of in the same transaction."""

        async def work(tx: TermsTransaction) -> Standing:
            standing = await tx.standing(asked.organization, asked.id, asked.sub)
            if standing is None:
                raise NoSuchTerms
            made = standing.decide(
                asked.sub, asked.decision, asked.version, asked.languages, asked.where
            )
            if made is None:
                return standing
            if asked.epoch is not None and await tx.epoch_of(asked.sub) != asked.epoch:
                raise SignInOutdated
            await tx.decide(made)
            if made.decision == "accepted":
                await tx.emit(
                    TermsAccepted.of(made.key, made.sub, made.document, made.version, at=made.at)
                )
            return standing.with_(made)

        standing = await self.store.in_transaction(work)
        return _item(standing, standing.document.known_current, asked.languages)

    async def history(self, asked: contract.ReadHistory) -> contract.Decisions:
        """Return what somebody decided, the newest first."""
        decided = await self.store.decisions_by(asked.sub)
        found = sorted(decided, key=lambda each: (each.at, each.key), reverse=True)
        keys = [each.key for each in found]
        if asked.after is not None and asked.after not in keys:
            raise UnknownCursor
        left = found[keys.index(asked.after) + 1 :] if asked.after is not None else found
        page = left[: asked.limit]
        return contract.Decisions(
            items=tuple(map(shown, page)),
            next=page[-1].key if len(left) > asked.limit else None,
        )

    async def _standings(self, asked: contract.Member) -> list[Standing]:
        documents = await self.store.documents(asked.organization)
        documents.sort(key=lambda each: (next(iter(each.newest.titles.values()), ""), each.id))
        # What was decided is read later than what is in force: a decision about a version that
        # came in between says no more than that it is there.
        decided = await self.store.decisions_by(asked.sub)
        return [
            Standing(each, tuple(made for made in decided if made.document == each.id))
            for each in documents
            if each.current is not None
        ]


async def file_of(store: TermsStore, version: Version, language: str) -> contract.TermsFile:
    """Return the PDF that a version says in a language, or raise where it says none."""
    # In whatever case a tag is, it names the same language (RFC 5646, 2.1.1).
    by_tag = {each.lower(): sha256 for each, sha256 in version.pdfs.items()}
    sha256 = by_tag.get(language.lower())
    pdf = await store.pdf(version.document, sha256) if sha256 is not None else None
    if pdf is None:
        raise NoSuchTerms
    return contract.TermsFile(content=pdf.encoded(), sha256=pdf.sha256)


def shown(decision: Decision) -> contract.Decision:
    """Return a decision as who made it sees it."""
    return contract.Decision(
        key=decision.key,
        id=decision.document,
        version=decision.version,
        title=decision.title,
        language=decision.language,
        decision=decision.decision,
        at=decision.at,
        expires_at=decision.expires_at,
    )


def _demands(documents: Iterable[Document]) -> tuple[contract.Demand, ...]:
    return tuple(
        contract.Demand(
            id=each.id, accepted_from=each.accepted_from, at_once_from=each.at_once_from
        )
        for each in sorted(documents, key=lambda each: each.id)
        if each.is_required
    )


def _missing(version: Version, languages: Iterable[str]) -> contract.MissingDocument:
    title = version.titles[version.language(languages)]
    return contract.MissingDocument(id=version.document, version=version.number, title=title)


def _holds_seconds(standings: Iterable[Standing]) -> float | None:
    """Return how long the acceptances of what is required hold, by the store's clock."""
    left = [
        max(held.expires_at - each.document.now, timedelta()).total_seconds()
        for each in standings
        if each.document.is_required
        and (held := each.acceptance) is not None
        and held.expires_at is not None
    ]
    return min(left, default=None)


def _item(standing: Standing, version: Version, languages: Iterable[str]) -> contract.TermsItem:
    language, held = version.language(languages), standing.holding
    return contract.TermsItem(
        id=version.document,
        title=version.titles[language],
        version=version.number,
        language=language,
        required=standing.document.is_required,
        to_accept=standing.is_missing,
        accepted_version=held.version if held is not None else None,
        accepted_at=held.at if held is not None else None,
        expires_at=held.expires_at if held is not None else None,
        declined_at=standing.declined.at if standing.declined is not None else None,
    )
