"""Terms of use through the gateway: what is in force, what is decided, and who writes it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.gateway.model import Caller
from services.gateway.requests import accepted_languages
from shared.contracts.profile import Person
from shared.contracts.refusals import Refusal
from shared.contracts.terms import Document, ExportedDecision, TermsContent, TermsItem, TermsText
from tests.contract.http.gateway import Gateway, refused

DAY = 24 * 3600
ENGLISH = TermsText(language="en", title="House rules", text="# Be kind")
GERMAN = TermsText(language="de", title="Hausordnung", text="# Freundlich sein")


def content(**more: Any) -> TermsContent:
    said = {"required": True, "re_accept": "next-sign-in", "texts": (ENGLISH, GERMAN)}
    return TermsContent(**said | more)


class Halden:
    """An organization whose admin writes terms, and somebody who reads them."""

    def __init__(self, gateway: Gateway, admin: Person, caller: Caller) -> None:
        self.gateway, self.admin, self.caller = gateway, admin, caller
        self.writing, self.own = gateway.terms.administration, gateway.terms.own

    async def publish(self, document: Document | None = None, **more: Any) -> Document:
        if document is None:
            drafted = await self.writing.add(self.admin, content(**more))
        else:
            drafted = await self.writing.put_draft(self.admin, document.id, content(**more))
        return await self.writing.publish(self.admin, drafted.id)

    async def accept(self, document: Document) -> TermsItem:
        assert document.current is not None
        return await self.own.accept(self.caller, document.id, document.current, ("en",))

    async def item(self) -> TermsItem:
        (item,) = (await self.own.in_force(self.caller, ("en",))).items
        return item


@pytest.fixture
async def halden(gateway: Gateway) -> Halden:
    admin = await gateway.admin()
    await gateway.add("kim")
    return Halden(gateway, admin, await gateway.caller("kim"))


async def test_where_there_are_none_there_is_nothing_to_do(halden: Halden) -> None:
    assert (await halden.own.in_force(halden.caller, ())).items == ()
    assert (await halden.own.history(halden.caller)).items == ()
    assert (await halden.writing.documents(halden.admin)).items == ()


async def test_a_draft_is_nobodys_but_the_admins(halden: Halden) -> None:
    drafted = await halden.writing.add(halden.admin, content())
    assert (drafted.current, drafted.draft) == (None, 1)
    assert (await halden.own.in_force(halden.caller, ())).items == ()
    for asked in (
        halden.own.read(halden.caller, drafted.id, ()),
        halden.own.accept(halden.caller, drafted.id, 1, ()),
        halden.own.decline(halden.caller, drafted.id, 1, ()),
    ):
        assert (await refused(asked)).type == "not-found"


@pytest.mark.parametrize(
    ("header", "title"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "Hausordnung"),
        ("fr, en-GB;q=0.5", "House rules"),
        ("fr", "House rules"),
        ("", "House rules"),
        ("DE", "Hausordnung"),
    ],
)
async def test_a_text_is_read_in_the_language_that_is_read_best(
    halden: Halden, header: str, title: str
) -> None:
    document = await halden.publish()
    read = await halden.own.read(halden.caller, document.id, tuple(accepted_languages(header)))
    assert read.title == title
    assert read.text == {each.title: each.text for each in (ENGLISH, GERMAN)}[title]


async def test_what_was_accepted_is_kept_with_version_language_and_time(halden: Halden) -> None:
    document = await halden.publish()
    assert (await halden.item()).to_accept
    now = halden.gateway.services.memory.clock.now()
    item = await halden.own.accept(halden.caller, document.id, 1, ("de",))
    assert (item.accepted_at, item.accepted_version, item.expires_at) == (now, 1, None)
    assert not item.to_accept
    (kept,) = (await halden.own.history(halden.caller)).items
    assert (kept.version, kept.language, kept.title) == (1, "de", "Hausordnung")
    assert (kept.decision, kept.at) == ("accepted", now)


async def test_an_acceptance_is_told_of_by_ids_alone(halden: Halden) -> None:
    document = await halden.publish()
    await halden.accept(document)
    outbox = halden.gateway.services.memory.terms.outbox.values()
    (told,) = [each for each in outbox if each.name == "terms-accepted"]
    assert told.subject == halden.caller.sub
    assert told.model_dump()["payload"] == {"document": document.id, "terms_version": 1}


async def test_two_acceptances_at_once_are_one(halden: Halden) -> None:
    document = await halden.publish()
    first, second = await asyncio.gather(*(halden.accept(document) for _ in range(2)))
    assert first == second
    assert len((await halden.own.history(halden.caller)).items) == 1
    await halden.accept(document)
    assert len(halden.gateway.services.memory.terms.decided) == 1


async def test_only_the_version_that_is_current_can_be_accepted_or_declined(halden: Halden) -> None:
    document = await halden.publish()
    await halden.publish(document)
    for version in (1, 3):
        for decide in (halden.own.accept, halden.own.decline):
            refusal = await refused(decide(halden.caller, document.id, version, ()))
            assert (refusal.type, refusal.status) == ("terms-changed", 409)
    assert (await halden.own.history(halden.caller)).items == ()


async def test_what_was_accepted_cannot_be_declined(halden: Halden) -> None:
    document = await halden.publish()
    await halden.accept(document)
    asked = halden.own.decline(halden.caller, document.id, 1, ())
    assert (await refused(asked)).type == "terms-accepted"
    assert (await halden.item()).accepted_at is not None


async def test_a_decline_of_what_is_required_ends_the_session(halden: Halden) -> None:
    document = await halden.publish()
    item = await halden.own.decline(halden.caller, document.id, 1, ())
    assert item.declined_at is not None
    accepting = halden.gateway.acceptance.accept(halden.caller.token, halden.caller.where)
    assert (await refused(accepting)).status == 401


async def test_of_two_declines_at_once_both_are_done(halden: Halden) -> None:
    document = await halden.publish()
    made = await asyncio.gather(
        *(halden.own.decline(halden.caller, document.id, 1, ()) for _ in range(3))
    )
    assert {each.declined_at for each in made} == {halden.gateway.services.memory.clock.now()}
    assert len((await halden.own.history(halden.caller)).items) == 1


async def test_what_is_not_required_may_be_declined_and_accepted_later(halden: Halden) -> None:
    document = await halden.publish(required=False)
    for _ in range(2):
        await halden.own.decline(halden.caller, document.id, 1, ())
    await halden.gateway.acceptance.accept(halden.caller.token, halden.caller.where)
    await halden.accept(document)
    decided = (await halden.own.history(halden.caller)).items
    assert [each.decision for each in decided] == ["accepted", "declined"]


async def test_an_acceptance_is_over_when_its_days_are(halden: Halden) -> None:
    document = await halden.publish(valid_days=30)
    item = await halden.accept(document)
    assert item.accepted_at is not None
    assert item.expires_at == item.accepted_at + timedelta(days=30)
    clock = halden.gateway.services.memory.clock
    clock.advance(30 * DAY - 1)
    halden.caller = await halden.gateway.caller("kim")
    assert not (await halden.item()).to_accept
    clock.advance(1)
    assert (await halden.item()).to_accept
    await halden.accept(document)
    assert not (await halden.item()).to_accept


@pytest.mark.parametrize(
    ("re_accept", "is_asked"), [("no", False), ("next-sign-in", True), ("at-once", True)]
)
async def test_a_new_version_asks_anew_or_does_not(
    halden: Halden, re_accept: str, *, is_asked: bool
) -> None:
    document = await halden.publish()
    await halden.accept(document)
    await halden.publish(document, re_accept=re_accept)
    item = await halden.item()
    assert (item.version, item.to_accept) == (2, is_asked)
    assert item.accepted_version == (None if is_asked else 1)


async def test_a_version_is_in_force_from_its_time_on(halden: Halden) -> None:
    clock = halden.gateway.services.memory.clock
    drafted = await halden.writing.add(halden.admin, content())
    at = clock.now() + timedelta(hours=1)
    published = await halden.writing.publish(halden.admin, drafted.id, effective_at=at)
    assert published.current is None
    assert published.versions[0].effective_at == at
    assert (await halden.own.in_force(halden.caller, ())).items == ()
    clock.advance(3600)
    assert (await halden.item()).version == 1


async def test_a_time_that_is_past_means_now(halden: Halden) -> None:
    now = halden.gateway.services.memory.clock.now()
    drafted = await halden.writing.add(halden.admin, content())
    past = now - timedelta(days=7)
    published = await halden.writing.publish(halden.admin, drafted.id, effective_at=past)
    assert published.versions[0].effective_at == now


async def test_what_was_decided_can_be_read_again_in_its_version(halden: Halden) -> None:
    document = await halden.publish()
    await halden.accept(document)
    changed = TermsText(language="en", title="House rules", text="# Be kinder")
    await halden.publish(document, texts=(changed,))
    await halden.publish(document)
    own, caller = halden.own, halden.caller
    assert (await own.read(caller, document.id, ("en",), 1)).text == ENGLISH.text
    assert (await refused(own.read(caller, document.id, ("en",), 2))).type == "not-found"


async def test_another_organizations_terms_are_not_there(halden: Halden) -> None:
    document = await halden.publish()
    gateway = halden.gateway
    await gateway.add("zoe", organization="elsewhere", roles=("admin",))
    zoe = await gateway.caller("zoe")
    stranger = await gateway.administration.admin(zoe)
    writing, own = halden.writing, halden.own
    for asked in (
        own.read(zoe, document.id, ()),
        own.accept(zoe, document.id, 1, ()),
        own.decline(zoe, document.id, 1, ()),
        writing.read(stranger, document.id),
        writing.put_draft(stranger, document.id, content()),
        writing.drop_draft(stranger, document.id),
        writing.publish(stranger, document.id),
        writing.acceptances(stranger, document.id, "missing"),
        anext(writing.exported(stranger, document.id)),
    ):
        assert (await refused(asked)).type == "not-found"
    assert (await writing.documents(stranger)).items == ()


async def test_a_published_version_stays_as_it_is(halden: Halden) -> None:
    document = await halden.publish()
    drafted = await halden.writing.put_draft(halden.admin, document.id, content(required=False))
    assert (drafted.current, drafted.draft, len(drafted.versions)) == (1, 2, 1)
    assert (await halden.item()).required
    await halden.writing.drop_draft(halden.admin, document.id)
    dropping = halden.writing.drop_draft(halden.admin, document.id)
    assert (await refused(dropping)).type == "terms-without-draft"
    publishing = halden.writing.publish(halden.admin, document.id)
    assert (await refused(publishing)).type == "terms-without-draft"
    assert (await halden.writing.read(halden.admin, document.id)).versions == document.versions


async def test_a_draft_of_nothing_is_not_published(halden: Halden) -> None:
    drafted = await halden.writing.add(halden.admin, content(texts=()))
    refusal = await refused(halden.writing.publish(halden.admin, drafted.id))
    assert refusal.type == "invalid-request"
    assert refusal.errors[0]["field"] == "texts"


async def test_of_two_admins_who_read_the_same_one_changes_it(halden: Halden) -> None:
    drafted = await halden.writing.add(halden.admin, content())
    known = (drafted.revision,)
    changes = [
        halden.writing.put_draft(halden.admin, drafted.id, content(), known) for _ in range(2)
    ]
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    refusals = [each for each in outcomes if isinstance(each, Refusal)]
    assert [each.type for each in refusals] == ["changed-meanwhile"]
    publishing = halden.writing.publish(halden.admin, drafted.id, replaces=known)
    assert (await refused(publishing)).type == "changed-meanwhile"
    assert (await halden.writing.read(halden.admin, drafted.id)).draft == 1


async def test_what_admins_do_is_audited(halden: Halden) -> None:
    document = await halden.publish()
    await halden.writing.put_draft(halden.admin, document.id, content())
    await halden.writing.drop_draft(halden.admin, document.id)
    told = [each.model_dump() for each in halden.gateway.services.memory.terms.outbox.values()]
    assert [(each["payload"]["action"], each["payload"]["details"]) for each in told] == [
        ("add-terms", {"document": document.id, "version": 1}),
        ("publish-terms", {"document": document.id, "version": 1}),
        ("change-terms", {"document": document.id, "version": 2}),
        ("delete-terms-draft", {"document": document.id, "version": 2}),
    ]


async def test_admins_see_who_stands_where(halden: Halden) -> None:
    gateway = halden.gateway
    for name in ("ann", "bea", "cem"):
        await gateway.add(name)
    ann, bea = await gateway.caller("ann"), await gateway.caller("bea")
    document = await halden.publish()
    await halden.own.accept(ann, document.id, 1, ("de",))
    await halden.own.decline(bea, document.id, 1, ("en",))
    writing, admin = halden.writing, halden.admin

    async def names(status: Any, after: str | None = None, limit: int = 50) -> list[str]:
        page = await writing.acceptances(admin, document.id, status, limit=limit, after=after)
        found = [each.user_id.partition("@")[0] for each in page.items]
        return [*found, *(await names(status, page.next, limit) if page.next else ())]

    assert await names("accepted") == ["ann"]
    assert await names("declined") == ["bea"]
    assert await names("missing") == await names("missing", limit=1) == ["cem", "kim", "root"]
    await halden.publish(document, re_accept="no")
    assert await names("accepted") == ["ann"]
    await halden.publish(document)
    assert await names("accepted") == await names("declined") == []


async def test_everything_that_was_decided_is_exported(halden: Halden) -> None:
    document = await halden.publish()
    await halden.own.accept(halden.caller, document.id, 1, ("de",))
    await halden.publish(document)
    await halden.own.accept(halden.caller, document.id, 2, ("en",))
    pages = [each async for each in halden.writing.exported(halden.admin, document.id)]
    rows = [each for page in pages for each in page.items if isinstance(each, ExportedDecision)]
    assert [(each.version, each.language) for each in rows] == [(1, "de"), (2, "en")]
    assert rows[0].user_id == "kim@halden.example"
    assert rows[0].address == halden.caller.where.address


async def test_who_decides_while_it_is_exported_is_in_it(halden: Halden) -> None:
    await halden.gateway.add("ann")
    ann, document = await halden.gateway.caller("ann"), await halden.publish()
    await halden.own.accept(halden.caller, document.id, 1, ("de",))
    rows: list[tuple[str, bool]] = []
    async for page in halden.writing.exported(halden.admin, document.id):
        rows += [(each.sub, isinstance(each, ExportedDecision)) for each in page.items]
        if len(rows) == 1:
            await halden.own.accept(ann, document.id, 1, ("en",))
    assert [each for each in rows if each[0] in {halden.caller.sub, ann.sub}] == [
        (halden.caller.sub, True),
        (ann.sub, True),
    ]
