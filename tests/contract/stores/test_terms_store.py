"""What every TermsStore does, in memory and in MongoDB alike."""

import asyncio
import base64
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.profile.errors import SignInOutdated, TermsChanged
from services.profile.mongo_terms import MongoTermsStore
from services.profile.store_terms import TermsStore
from services.profile.terms import Terms
from services.profile.terms_admin import TermsAdministration
from shared.clock import SystemClock
from shared.contracts.audit import Actor
from shared.contracts.refusals import ChangedMeanwhile, Refusal, UnknownCursor
from shared.contracts.sessions import Where
from shared.contracts.terms import (
    AddDocument,
    AskDemand,
    BringPdf,
    ChangeDocument,
    Decide,
    Decided,
    Document,
    PublishDraft,
    PutDraft,
    PutPdf,
    ReadDocumentFile,
    ReadTerms,
    ReadTermsFile,
    TermsContent,
    TermsText,
)
from shared.transactions import Transaction
from shared.wiring import Wiring
from tests.memory.profile import MemoryPeople
from tests.memory.terms import MemoryTerms
from tests.pdf import pdf

ADA = Actor(sub="ada", organization="halden")
WHERE = Where(address="192.0.2.7", user_agent="Browser/1")
TEXTS = (
    TermsText(language="de", title="Hausordnung", text="Seid freundlich."),
    TermsText(language="en", title="House rules", text="Be kind."),
)
CONTENT = TermsContent(required=True, re_accept="next-sign-in", valid_days=30, texts=TEXTS)


class System:
    """The use cases over one store."""

    def __init__(self, store: TermsStore) -> None:
        self.store, self.terms = store, Terms(store)
        self.writing = TermsAdministration(store, MemoryPeople(), SystemClock())

    async def begin(self) -> Document:
        return await self.writing.add(AddDocument(**CONTENT.model_dump(), by=ADA))

    async def put(self, document: Document) -> Document:
        known = {"id": document.id, "replaces": (document.revision,), "by": ADA}
        return await self.writing.put_draft(
            PutDraft(organization="halden", content=CONTENT, **known)
        )

    async def bring(self, document: Document, content: bytes, language: str = "de") -> Document:
        known = {"id": document.id, "replaces": (document.revision,), "by": ADA}
        brought = base64.b64encode(content).decode()
        file = BringPdf(language=language, title="Hausordnung", content=brought)
        return await self.writing.put_pdf(PutPdf(organization="halden", file=file, **known))

    async def read(self, document: Document, version: int, sub: str = "kim") -> bytes:
        known = {"id": document.id, "version": version, "language": "de"}
        asked = ReadTermsFile(sub=sub, organization="halden", **known)
        return base64.b64decode((await self.terms.file(asked)).content)

    async def publish(self, document: Document, effective_at: datetime | None = None) -> Document:
        known = {"id": document.id, "replaces": (document.revision,), "by": ADA}
        return await self.writing.publish(
            PublishDraft(organization="halden", effective_at=effective_at, **known)
        )

    async def drop(self, document: Document) -> None:
        known = {"id": document.id, "replaces": (document.revision,), "by": ADA}
        await self.writing.drop_draft(ChangeDocument(organization="halden", **known))

    async def decide(
        self, document: Document, version: int, sub: str = "kim", decision: Decided = "accepted"
    ) -> Any:
        return await self.terms.decide(
            Decide(
                sub=sub,
                organization="halden",
                id=document.id,
                version=version,
                decision=decision,
                where=WHERE,
            )
        )


@pytest.fixture(params=["memory", "mongodb"])
def system(request: pytest.FixtureRequest) -> System:
    if request.param == "memory":
        return System(MemoryTerms())
    wiring: Wiring = request.getfixturevalue("profile")
    return System(MongoTermsStore(wiring.database, wiring.transactions, wiring.epochs))


async def all_at_once(*asked: Coroutine[Any, Any, Any]) -> list[str]:
    """Return what came of each: the refusal's type, or `done`."""
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    for each in outcomes:
        if isinstance(each, BaseException) and not isinstance(each, Refusal):
            raise each
    return sorted(each.type if isinstance(each, Refusal) else "done" for each in outcomes)


async def test_a_document_is_kept_as_it_was_written(system: System) -> None:
    document = await system.begin()
    assert (document.draft, document.current, document.content) == (1, None, CONTENT)
    (kept,) = await system.store.documents("halden")
    assert kept.newest.titles == {"de": "Hausordnung", "en": "House rules"}
    assert await system.store.documents("elsewhere") == []
    assert await system.store.document("elsewhere", document.id) is None


async def test_what_is_published_is_in_force_by_the_stores_clock(system: System) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    document = await system.publish(await system.begin(), datetime.min.replace(tzinfo=UTC))
    (version,) = document.versions
    assert before < version.published_at == version.effective_at
    assert document.current == 1
    later = datetime.max.replace(microsecond=0, tzinfo=UTC)
    document = await system.publish(await system.put(document), later)
    assert (document.current, document.versions[1].effective_at) == (1, later)
    demands = await system.terms.demands(AskDemand(organization="halden"))
    assert [(each.id, each.accepted_from) for each in demands.items] == [(document.id, 1)]


async def test_a_published_version_is_neither_replaced_nor_deleted(system: System) -> None:
    document = await system.publish(await system.begin())
    published = (await system.store.documents("halden"))[0].newest

    async def touch(tx: Any) -> None:
        await tx.drop_draft(published)

    async def date(tx: Any) -> None:
        await tx.publish(published, None)

    for work in (touch, date):
        with pytest.raises(ChangedMeanwhile):
            await system.store.in_transaction(work)
    document = await system.put(document)
    await system.drop(document)
    (kept,) = (await system.store.documents("halden"))[0].versions
    assert replace(kept, revision=published.revision) == published
    assert await system.store.texts(document.id, 1) == TEXTS


async def test_no_two_drafts_have_the_same_revision(system: System) -> None:
    published = await system.publish(await system.begin())
    read = await system.put(published)
    await system.drop(read)
    known = (await system.store.documents("halden"))[0].newest.revision
    of_another = await system.put(published.model_copy(update={"revision": known}))
    assert published.revision < read.revision < known < of_another.revision
    outcomes = await all_at_once(system.put(read), system.publish(read), system.drop(read))
    assert outcomes == ["changed-meanwhile"] * 3


async def test_of_admins_who_change_one_draft_at_once_one_does(system: System) -> None:
    document = await system.begin()
    outcomes = await all_at_once(
        system.put(document), system.publish(document), system.drop(document), system.put(document)
    )
    # Where it was deleted first, the others find none.
    assert outcomes.count("done") == 1
    assert set(outcomes) <= {"done", "changed-meanwhile", "not-found"}


async def test_of_admins_who_begin_one_draft_at_once_one_does(system: System) -> None:
    document = await system.publish(await system.begin())
    outcomes = await all_at_once(*(system.put(document) for _ in range(4)))
    assert outcomes == ["changed-meanwhile"] * 3 + ["done"]


async def test_acceptances_at_once_are_one_that_is_told_of_once(system: System) -> None:
    document = await system.publish(await system.begin())
    items = await asyncio.gather(*(system.decide(document, 1) for _ in range(5)))
    assert len({each.accepted_at for each in items}) == 1
    (made,) = await system.store.decisions_by("kim")
    assert (made.version, made.language, made.title, made.where) == (1, "de", "Hausordnung", WHERE)
    assert made.expires_at == made.at + timedelta(days=30)
    assert (
        datetime.now(UTC) - timedelta(seconds=5)
        < made.at
        < datetime.now(UTC) + timedelta(seconds=5)
    )


async def test_an_acceptance_that_a_publication_overtakes_names_the_version_that_was_current(
    system: System,
) -> None:
    document = await system.publish(await system.begin())
    document = await system.put(document)
    deciding = [system.decide(document, 1, f"person-{number}") for number in range(6)]
    outcomes = await all_at_once(*deciding[:3], system.publish(document), *deciding[3:])
    kept = await system.store.decisions_about(document.id, after=None, limit=50)
    assert len(kept) == outcomes.count("done") - 1
    assert {each.version for each in kept} <= {1}
    assert set(outcomes) <= {"done", "terms-changed"}
    with pytest.raises(TermsChanged):
        await system.decide(document, 1, "late")
    assert await system.store.decisions_by("late") == []


async def test_decisions_are_added_and_none_is_changed(system: System) -> None:
    document = await system.publish(await system.begin())
    await system.decide(document, 1, decision="declined")
    (first,) = await system.store.decisions_by("kim")
    await system.decide(document, 1)
    assert (await system.store.decisions_by("kim"))[0] == first
    made = await system.store.decisions_of({"kim", "lou"}, document.id)
    assert [(each.number, each.decision) for each in made] == [(1, "declined"), (2, "accepted")]
    reading = ReadTerms(sub="kim", organization="halden", languages=("en",), id=document.id)
    assert (await system.terms.read(reading)).text == "Be kind."


async def test_pages_of_decisions_join(system: System) -> None:
    document = await system.publish(await system.begin())
    for number in range(5):
        await system.decide(document, 1, f"person-{number}")
    first = await system.store.decisions_about(document.id, after=None, limit=3)
    rest = await system.store.decisions_about(document.id, after=first[-1].key, limit=3)
    assert {each.sub for each in [*first, *rest]} == {f"person-{n}" for n in range(5)}
    with pytest.raises(UnknownCursor):
        await system.store.decisions_about(document.id, after="none", limit=3)


async def test_whoever_meets_the_same_decision_just_made_begins_anew(profile: Wiring) -> None:
    store = MongoTermsStore(profile.database, profile.transactions, profile.epochs)
    system = System(store)
    document = await system.publish(await system.begin())
    attempts: list[int] = []

    async def work(tx: Any) -> None:
        standing = await tx.standing("halden", document.id, "kim")
        attempts.append(len(standing.decisions))
        if len(attempts) == 1:
            await system.decide(document, 1)
        made = standing.decide("kim", "accepted", 1, (), WHERE)
        if made is not None:
            await tx.decide(made)

    await store.in_transaction(work)
    assert attempts[0] == 0
    assert attempts[-1] == len(await store.decisions_by("kim")) == 1


async def test_a_pdf_stays_with_the_version_that_says_it(system: System) -> None:
    old, new = pdf("old"), pdf("new")
    document = await system.publish(await system.bring(await system.begin(), old))
    assert [each.pdf is None for each in document.content.texts] == [False, True]
    await system.decide(document, 1)
    document = await system.publish(await system.bring(document, new))
    assert (await system.read(document, 1), await system.read(document, 2)) == (old, new)
    with pytest.raises(Refusal):
        await system.read(document, 1, sub="somebody-who-decided-nothing")
    dropped = await system.put(document)
    await system.drop(dropped)
    assert (await system.read(document, 1), await system.read(document, 2)) == (old, new)


async def test_a_pdf_that_no_version_says_any_more_is_deleted(system: System) -> None:
    document = await system.bring(await system.begin(), pdf("first"))
    first = document.content.texts[0].pdf
    document = await system.bring(document, pdf("second"))
    second = document.content.texts[0].pdf
    assert first is not None
    assert second is not None
    assert await system.store.pdf(document.id, first) is None
    assert await system.store.pdf(document.id, second) is not None
    await system.drop(document)
    assert await system.store.pdf(document.id, second) is None


async def test_of_pdfs_that_are_brought_at_once_one_is_kept(system: System) -> None:
    document = await system.begin()
    outcomes = await all_at_once(
        *(system.bring(document, pdf(f"number {number}")) for number in range(3))
    )
    assert outcomes == ["changed-meanwhile"] * 2 + ["done"]
    asked = ReadDocumentFile(organization="halden", id=document.id, language="de")
    kept = base64.b64decode((await system.writing.file(asked)).content)
    assert kept in {pdf(f"number {number}") for number in range(3)}


async def test_a_draft_says_no_pdf_of_another_document(system: System) -> None:
    other = await system.bring(await system.begin(), pdf())
    document = await system.begin()
    known = {"organization": "halden", "id": document.id, "by": ADA}
    with pytest.raises(Refusal) as refused:
        await system.writing.put_draft(PutDraft(content=other.content, **known))
    assert refused.value.errors[0]["reason"] == "unknown-pdf"
    with pytest.raises(Refusal):
        await system.writing.add(AddDocument(**other.content.model_dump(), by=ADA))


async def test_a_decision_in_a_sign_in_is_kept_under_its_epoch(profile: Wiring) -> None:
    system = System(MongoTermsStore(profile.database, profile.transactions, profile.epochs))
    document = await system.publish(await system.begin())
    known = {"sub": "kim", "organization": "halden", "id": document.id, "version": 1}
    asked = Decide(**known, decision="accepted", where=WHERE, epoch=1)
    with pytest.raises(SignInOutdated):
        await system.terms.decide(asked)

    async def secured(transaction: Transaction) -> None:
        await profile.epochs.open("kim", transaction.session)

    await profile.transactions.run(secured)
    with pytest.raises(SignInOutdated):
        await system.terms.decide(asked.model_copy(update={"epoch": 2}))
    assert await system.store.decisions_by("kim") == []
    assert not (await system.terms.decide(asked)).to_accept
