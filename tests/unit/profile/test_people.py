"""People and their organizations, on memory."""

import base64
from dataclasses import dataclass, replace

import pytest

from services.profile.errors import (
    NoPhoto,
    NoSuchOrganization,
    NoSuchPerson,
    UnknownManager,
    UnusablePhoto,
    UserExists,
)
from services.profile.model import LargestPhoto, PersonRecord, photo_of, user_id_key
from services.profile.people import People
from shared.contracts.profile import (
    AddedPerson,
    AddPerson,
    GetPerson,
    Helpdesk,
    ListPeople,
    Manager,
    PeopleList,
    Person,
    PutOrganization,
    PutPhoto,
)
from tests.memory.clock import StoppedClock
from tests.memory.profile import MemoryPeople

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
HELPDESK = Helpdesk(name="Desk", email="desk@example.org")


@dataclass
class System:
    """Everything of the profile service's people but HTTP and the servers."""

    clock: StoppedClock
    store: MemoryPeople
    people: People

    async def add(self, user_id: str = "ada@example.org", **more: object) -> AddedPerson:
        usual = {"organization": "halden", "user_id": user_id, "display_name": "Ada Marsh"}
        return await self.people.add(AddPerson.model_validate(usual | more))

    async def stranger(self) -> None:
        """Put somebody of another organization there."""
        record = AddPerson(organization="elsewhere", user_id="zoe@e.org", display_name="Zoe")
        self.store.persons["stranger"] = PersonRecord("stranger", record)


@pytest.fixture
async def system() -> System:
    clock, store = StoppedClock(), MemoryPeople()
    people = People(store, clock)
    await people.put_organization(PutOrganization(id="halden", name="Halden", helpdesk=HELPDESK))
    return System(clock, store, people)


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


async def test_a_person_is_shown_with_organization_helpdesk_and_manager(system: System) -> None:
    ada = await system.add()
    jonas = await system.add(
        "jonas@example.org", manager=ada.sub, roles=["admin"], emails=["j@e.org"]
    )
    shown = await system.people.get(GetPerson(sub=jonas.sub))
    assert shown.manager == Manager(display_name="Ada Marsh")
    assert (shown.home_organization.id, shown.home_organization.name) == ("halden", "Halden")
    assert shown.helpdesk == HELPDESK
    assert shown.managed_by_organization
    assert shown.emails == ("j@e.org",)
    assert shown.roles == ("admin",)


@pytest.mark.parametrize("manager", ["nobody", "", "stranger"])
async def test_a_manager_must_be_of_the_same_organization(system: System, manager: str) -> None:
    await system.stranger()
    with pytest.raises(UnknownManager) as refused:
        await system.add(manager=manager)
    assert (refused.value.type, refused.value.status) == ("invalid-request", 422)
    assert [each["field"] for each in refused.value.errors] == ["manager"]
    assert list(system.store.persons) == ["stranger"]


@pytest.mark.asvs("8.2.3", "8.4.1")
@pytest.mark.parametrize("manager", ["nobody", "stranger"])
async def test_a_manager_of_elsewhere_is_not_shown(system: System, manager: str) -> None:
    await system.stranger()
    ada = await system.add()
    kept = system.store.persons[ada.sub]
    managed = kept.record.model_copy(update={"manager": manager})
    system.store.persons[ada.sub] = replace(kept, record=managed)
    assert (await system.people.get(GetPerson(sub=ada.sub))).manager is None
    (listed,) = (await system.people.list(ListPeople(organization="halden"))).items
    assert listed.manager is None


async def test_only_ones_own_photo_has_an_address(system: System) -> None:
    ada = await system.add()
    own = await system.people.get(GetPerson(sub=ada.sub))
    assert own.photo_url == "/api/v1/me/photo"
    # What admins are shown is read back as a person, who may be anybody.
    assert Person.model_validate_json(own.model_dump_json()).photo_url is None
    listed = await system.people.list(ListPeople(organization="halden"))
    assert [each.photo_url for each in listed.items] == [None]
    assert PeopleList.model_validate_json(listed.model_dump_json()) == listed


async def test_the_same_record_again_finds_the_person_it_made(system: System) -> None:
    first, again = await system.add(), await system.add()
    assert (first.created, again.created) == (True, False)
    assert first.sub == again.sub


async def test_another_record_under_a_taken_user_id_is_refused(system: System) -> None:
    await system.add()
    for changed in ({"display_name": "Eve"}, {"roles": ["admin"]}, {"user_id": "ADA@example.org"}):
        with pytest.raises(UserExists):
            await system.add(**changed)
    assert len(system.store.persons) == 1


async def test_nobody_is_added_to_an_organization_there_is_not(system: System) -> None:
    with pytest.raises(NoSuchOrganization):
        await system.add(organization="elsewhere")
    assert system.store.persons == {}


async def test_nobody_is_not_found(system: System) -> None:
    with pytest.raises(NoSuchPerson):
        await system.people.get(GetPerson(sub="nobody"))


async def test_what_is_shown_may_be_a_second_old_and_no_older(system: System) -> None:
    ada = await system.add()
    await system.people.get(GetPerson(sub=ada.sub))
    kept = system.store.persons[ada.sub]
    renamed = kept.record.model_copy(update={"display_name": "Ada Lowland"})
    system.store.persons[ada.sub] = replace(kept, record=renamed)
    system.clock.advance(0.9)
    assert (await system.people.get(GetPerson(sub=ada.sub))).display_name == "Ada Marsh"
    system.clock.advance(0.2)
    assert (await system.people.get(GetPerson(sub=ada.sub))).display_name == "Ada Lowland"


async def test_who_is_not_there_is_looked_for_again(system: System) -> None:
    with pytest.raises(NoSuchPerson):
        await system.people.get(GetPerson(sub="person-1"))
    ada = await system.add()
    assert ada.sub == "person-1"
    await system.people.get(GetPerson(sub="person-1"))


async def test_no_more_people_are_kept_than_there_is_room_for(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.profile.people._MOST_KEPT", 3)
    for number in range(10):
        added = await system.add(f"user-{number}@example.org")
        await system.people.get(GetPerson(sub=added.sub))
        assert len(system.people._kept) <= 3


async def test_people_are_listed_by_user_id_in_pages(system: System) -> None:
    for name in ("cleo", "ada", "dan", "bob"):
        await system.add(f"{name}@example.org")
    first = await system.people.list(ListPeople(organization="halden", limit=3))
    rest = await system.people.list(ListPeople(organization="halden", limit=3, after=first.next))
    names = [each.user_id.partition("@")[0] for each in [*first.items, *rest.items]]
    assert names == ["ada", "bob", "cleo", "dan"]
    assert rest.next is None


async def test_a_page_that_ends_with_the_last_person_has_no_next(system: System) -> None:
    await system.add()
    assert (await system.people.list(ListPeople(organization="halden", limit=1))).next is None


@pytest.mark.asvs("8.4.1")
async def test_people_of_another_organization_are_not_listed(system: System) -> None:
    await system.people.put_organization(PutOrganization(id="elsewhere", name="Elsewhere"))
    await system.add(organization="elsewhere")
    assert (await system.people.list(ListPeople(organization="halden"))).items == ()


async def test_a_photo_is_served_as_what_it_is(system: System) -> None:
    for content, media_type in ((PNG + b"x", "image/png"), (JPEG + b"x", "image/jpeg")):
        await system.people.put_photo(PutPhoto(sub="ada", image=encoded(content)))
        photo = await system.people.photo(GetPerson(sub="ada"))
        assert (base64.b64decode(photo.image), photo.media_type) == (content, media_type)


async def test_without_a_photo_there_is_none(system: System) -> None:
    with pytest.raises(NoPhoto):
        await system.people.photo(GetPerson(sub="ada"))


@pytest.mark.parametrize(
    "image",
    [
        "",
        "not base64 at all!",
        encoded(b"<svg onload='alert(1)'/>"),
        encoded(b"GIF89a"),
        encoded(b""),
        encoded(b" " + PNG),
        encoded(PNG) + "\n",
        "\u00e9" + encoded(PNG),
    ],
)
def test_what_is_no_picture_is_refused(image: str) -> None:
    with pytest.raises(UnusablePhoto):
        photo_of(image)


def test_a_photo_may_have_half_a_mebibyte_and_no_more() -> None:
    photo_of(encoded(PNG.ljust(LargestPhoto, b"x")))
    with pytest.raises(UnusablePhoto):
        photo_of(encoded(PNG.ljust(LargestPhoto + 1, b"x")))


@pytest.mark.parametrize(
    "spelling", ["ADA@Example.org", " ada@example.org", "\uff41da@example.org"]
)
def test_a_user_id_is_one_however_it_is_spelt(spelling: str) -> None:
    assert user_id_key(spelling) == user_id_key("ada@example.org")
