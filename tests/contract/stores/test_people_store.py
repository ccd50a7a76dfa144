"""What every PeopleStore does, in memory and in MongoDB alike."""

import asyncio
from datetime import UTC, datetime

import pytest

from services.profile.model import OrganizationRecord
from services.profile.mongo import ANY_CASE, SEARCHED, MongoPeopleStore, beginning
from services.profile.store import PeopleStore
from shared.contracts.audit import Actor
from shared.contracts.events import Audited
from shared.contracts.policy import PortalPolicy
from shared.contracts.profile import AddPerson, Helpdesk, Photo
from shared.contracts.refusals import UnknownCursor
from shared.wiring import Wiring
from tests.memory.profile import MemoryPeople

HELPDESK = Helpdesk(name="Desk", url="https://desk.example/", email="desk@example.org", phone="1")


@pytest.fixture(params=["memory", "mongodb"])
def store(request: pytest.FixtureRequest) -> PeopleStore:
    if request.param == "memory":
        return MemoryPeople()
    wiring: Wiring = request.getfixturevalue("profile")
    return MongoPeopleStore(wiring.database, wiring.transactions)


def record(user_id: str = "ada@example.org", organization: str = "halden") -> AddPerson:
    return AddPerson(organization=organization, user_id=user_id, display_name="Ada Marsh")


async def test_an_organization_is_kept_and_replaced(store: PeopleStore) -> None:
    assert await store.organization("halden") is None
    await store.put_organization(OrganizationRecord("halden", "Halden", HELPDESK))
    renamed = OrganizationRecord("halden", "Halden Logistics", Helpdesk())
    await store.put_organization(renamed)
    assert await store.organization("halden") == renamed


async def test_a_helpdesk_that_an_admin_chose_outlasts_what_an_organization_is_begun_with(
    store: PeopleStore,
) -> None:
    await store.put_organization(OrganizationRecord("halden", "Halden", HELPDESK))
    chosen = Helpdesk(name="Front desk", phone="112")
    await store.put_portal_policy("halden", PortalPolicy(helpdesk=chosen))
    await store.put_organization(OrganizationRecord("halden", "Halden Logistics", HELPDESK))
    kept = OrganizationRecord("halden", "Halden Logistics", chosen, version=1)
    assert await store.organization("halden") == kept


async def test_a_person_is_kept_with_every_field(store: PeopleStore) -> None:
    full = AddPerson(
        organization="halden",
        user_id="jonas@example.org",
        display_name="Jonas Brandt",
        emails=("jonas@example.org", "j.brandt@example.org"),
        job_title="Verkaufsleiter Nord",
        department="Vertrieb",
        office="Bremen, 2.03",
        phones=("+49 421 5550 147",),
        manager="ada",
        preferred_language="de",
        roles=("admin",),
    )
    added, created = await store.add_person(full)
    assert created
    assert added.record == full
    assert await store.person(added.sub) == added


async def test_a_new_person_is_told_of_once_with_the_insertion(profile: Wiring) -> None:
    store = MongoPeopleStore(profile.database, profile.transactions)
    actor = Actor(sub="root", organization="halden")

    def told(sub: str) -> Audited:
        return Audited.of(actor, "add-user", at=datetime.now(UTC), subject=sub)

    racing = (store.add_person(record(), told) for _ in range(4))
    found = await asyncio.gather(*racing)
    assert [created for _, created in found].count(True) == 1
    (row,) = [each async for each in profile.database["outbox"].find({"name": "audited"})]
    assert Audited.model_validate_json(row["body"]).subject == found[0][0].sub


async def test_who_is_added_by_somebody_is_kept_without_them(store: PeopleStore) -> None:
    by = Actor(sub="root", organization="halden")
    added, _ = await store.add_person(record().model_copy(update={"by": by}))
    found = await store.persons_of([added.sub, "nobody"])
    assert [each.record for each in found] == [record()]


async def test_nobody_is_not_found(store: PeopleStore) -> None:
    assert await store.person("nobody") is None
    assert await store.photo("nobody") is None


async def test_who_is_added_again_is_who_was_there(store: PeopleStore) -> None:
    first, _ = await store.add_person(record())
    other = record().model_copy(update={"display_name": "Somebody Else"})
    again, created = await store.add_person(other)
    assert not created
    assert again == first


@pytest.mark.parametrize(
    "spelling", ["ADA@Example.org", " ada@example.org ", "\uff41da@example.org"]
)
async def test_a_user_id_is_one_however_it_is_spelt(store: PeopleStore, spelling: str) -> None:
    first, _ = await store.add_person(record())
    again, created = await store.add_person(record(spelling))
    assert not created
    assert again.sub == first.sub


async def test_of_many_who_are_added_at_once_one_is(store: PeopleStore) -> None:
    added = await asyncio.gather(*(store.add_person(record()) for _ in range(6)))
    assert sum(created for _, created in added) == 1
    assert len({person.sub for person, _ in added}) == 1


async def test_people_come_in_order_of_their_user_ids_in_pages(store: PeopleStore) -> None:
    for name in ("cleo", "Bob", "ada", "dan"):
        await store.add_person(record(f"{name}@example.org"))
    await store.add_person(record("aaron@elsewhere.example", organization="elsewhere"))
    first = await store.people("halden", after=None, limit=3)
    rest = await store.people("halden", after=first[-1].sub, limit=3)
    names = [each.record.user_id.partition("@")[0] for each in [*first, *rest]]
    assert names == ["ada", "Bob", "cleo", "dan"]
    assert len(first) == 3


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ADA", "ad"),
        ("ada@", "a"),
        ("b", "b"),
        ("Émile", "e"),
        ("émile Z", "e"),
        ("zola", ""),
        ("post", "be"),
        ("post@E", "e"),
        ("*", ""),
        (".*", ""),
        ("$", ""),
        ("org", ""),
    ],
)
async def test_people_are_found_by_what_begins_so_in_any_case(
    store: PeopleStore, search: str, found: str
) -> None:
    for name, said, emails in (
        ("ada", "Cleo Marsh", ()),
        ("bob", "Dan", ("x@mail.example", "Post@bob.example")),
        ("d", "ADA Marsh", ()),
        ("emil", "Émile Zola", ("post@emil.example",)),
    ):
        person = record(f"{name}@example.org").model_copy(
            update={"display_name": said, "emails": emails}
        )
        await store.add_person(person)
    await store.add_person(record("ada@elsewhere.example", "elsewhere"))
    listed = await store.people("halden", after=None, limit=9, search=search)
    assert "".join(each.record.user_id[0] for each in listed) == found
    if listed:
        rest = await store.people("halden", after=listed[0].sub, limit=9, search=search)
        assert rest == listed[1:]


async def test_people_are_found_by_the_indexes_alone(profile: Wiring) -> None:
    store = MongoPeopleStore(profile.database, profile.transactions)
    await store.install()
    crowd = [
        {"_id": f"{number}", "organization": "halden", "user_id_key": f"zoe{number}@example.org"}
        for number in range(300)
    ]
    await profile.database["people"].insert_many(crowd)
    explained = await profile.database.command(
        "explain",
        {
            "find": "people",
            "filter": {"organization": "halden", **beginning("ada")},
            "collation": ANY_CASE.document,
        },
        verbosity="queryPlanner",
    )
    plan = str(explained["queryPlanner"]["winningPlan"])
    assert "COLLSCAN" not in plan
    assert all(f"{field} in any case" in plan for field in SEARCHED)


async def test_a_cursor_of_another_organization_is_refused_like_none_at_all(
    store: PeopleStore,
) -> None:
    await store.add_person(record())
    stranger, _ = await store.add_person(record("zoe@elsewhere.example", "elsewhere"))
    for after in (stranger.sub, "no-such-person", ""):
        with pytest.raises(UnknownCursor):
            await store.people("halden", after=after, limit=9)


async def test_a_photo_is_kept_and_replaced(store: PeopleStore) -> None:
    await store.put_photo("ada", Photo(image="Zmlyc3Q=", media_type="image/png"))
    second = Photo(image="c2Vjb25k", media_type="image/jpeg")
    await store.put_photo("ada", second)
    assert await store.photo("ada") == second


async def test_the_admins_of_an_organization_are_found(store: PeopleStore) -> None:
    admin = {"roles": ("admin",)}
    await store.add_person(record("zoe@elsewhere.example", "elsewhere").model_copy(update=admin))
    await store.add_person(record("bob@example.org"))
    ada, _ = await store.add_person(record().model_copy(update=admin))
    assert [each.sub for each in await store.admins("halden")] == [ada.sub]
