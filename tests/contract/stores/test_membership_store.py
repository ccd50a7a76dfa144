"""What every MembershipStore does, in memory and in MongoDB alike."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.profile.errors import AlreadyInvited, LastOwner, NoSuchMembership
from services.profile.memberships import Membership
from services.profile.model import OrganizationRecord
from services.profile.mongo import MongoPeopleStore
from services.profile.mongo_memberships import MongoMembershipStore
from services.profile.organizations import Organizations
from services.profile.organizations_admin import OrganizationsAdministration
from services.profile.people import People
from services.profile.users import Users
from shared.clock import SystemClock
from shared.contracts.audit import Actor
from shared.contracts.organizations import (
    AnswerInvitation,
    ChangeMember,
    EndOrRestore,
    InviteMember,
    KeptDays,
    Leave,
    LeavePolicy,
    ListInvitations,
    ListMembers,
    OfSubject,
    PutLeavePolicy,
    ReadOrganization,
    RevokeInvitation,
)
from shared.contracts.profile import AddPerson, Helpdesk
from shared.contracts.refusals import ChangedMeanwhile, Refusal, UnknownCursor
from shared.contracts.users import NoteAccount
from shared.wiring import Wiring
from tests.memory.clock import StoppedClock
from tests.memory.epochs import MemoryEpochs
from tests.memory.memberships import MemoryMemberships
from tests.memory.profile import MemoryPeople

BY = Actor(sub="vera", organization="varde")


class System:
    """The use cases over one store. The organization that invites has no people of its own."""

    def __init__(
        self,
        store: MemoryMemberships | MongoMembershipStore,
        people: MemoryPeople | MongoPeopleStore,
    ) -> None:
        self.store, self.people = store, people
        self.own = Organizations(store, people, SystemClock())
        self.admin = OrganizationsAdministration(store, people, SystemClock())
        self.users = Users(people, People(people, SystemClock()), SystemClock())

    async def begin(self) -> None:
        for name in ("halden", "varde"):
            await self.people.put_organization(OrganizationRecord(name, name, Helpdesk()))

    async def person(self, name: str = "ada", **more: Any) -> str:
        record = AddPerson(
            organization="halden", user_id=f"{name}@example.org", display_name=name
        ).model_copy(update=more)
        return (await self.people.add_person(record))[0].sub

    async def invited(self, name: str = "ada", **more: Any) -> str:
        asked = InviteMember(user_id=f"{name}@example.org", by=BY, **more)
        return (await self.admin.invite(asked)).id

    async def guest(self, name: str = "ada", **more: Any) -> str:
        sub = await self.person(name)
        await self.own.accept(AnswerInvitation(sub=sub, id=await self.invited(name, **more)))
        return sub

    async def found(self, sub: str) -> Membership:
        found = await self.store.membership("varde", sub)
        assert found is not None
        return found

    async def mailed(self, sub: str) -> list[str]:
        """Return the causes of the mails that somebody is owed."""
        if isinstance(self.store, MongoMembershipStore):
            return [e["cause"] async for e in self.store.database["notices"].find({"sub": sub})]
        return [e.cause for e in self.store.people.owed.values() if e.sub == sub]

    async def time_passes(self, days: int) -> None:
        """Let so many days be over for whatever is kept."""
        if isinstance(self.store, MongoMembershipStore):
            earlier = {"$subtract": ["$over_at", days * 24 * 3600 * 1000]}
            for name in ("memberships", "invitations"):
                await self.store.database[name].update_many(
                    {"over_at": {"$ne": None}}, [{"$set": {"over_at": earlier}}]
                )
            return
        clock = self.store.people.epochs.clock
        assert isinstance(clock, StoppedClock)
        clock.advance(timedelta(days=days).total_seconds())


@pytest.fixture(params=["memory", "mongodb"])
def empty(request: pytest.FixtureRequest) -> System:
    if request.param == "memory":
        people = MemoryPeople(epochs=MemoryEpochs(StoppedClock()))
        return System(MemoryMemberships(people), people)
    wiring: Wiring = request.getfixturevalue("profile")
    store = MongoMembershipStore(wiring.database, transactions=wiring.transactions)
    return System(store, MongoPeopleStore(wiring.database, wiring.transactions))


@pytest.fixture
async def system(empty: System) -> System:
    await empty.begin()
    return empty


async def outcomes(*asked: Coroutine[Any, Any, Any]) -> list[type]:
    """Do it all at once, and return what each was refused with, or None's type."""
    done = await asyncio.gather(*asked, return_exceptions=True)
    return [type(each) if isinstance(each, Refusal) else type(None) for each in done]


def leave(sub: str) -> Leave:
    return Leave(sub=sub, organization="varde")


async def test_a_membership_is_kept_and_dated_from_its_invitation_to_its_end(
    system: System,
) -> None:
    await system.guest("bo", role="owner")
    ada = await system.guest(role="owner", groups=("fleet",))
    joined = await system.found(ada)
    assert (joined.role, joined.groups, joined.state, joined.revision) == (
        "owner",
        ("fleet",),
        "active",
        1,
    )
    await system.admin.remove(EndOrRestore(sub=ada, by=BY))
    ended = await system.found(ada)
    assert ended.ended_at is not None
    assert ended == replace(
        joined, state="removed", revision=2, ended_at=ended.ended_at, ended_by="vera"
    )
    assert joined.joined_at <= ended.ended_at
    await system.admin.restore(EndOrRestore(sub=ada, by=BY))
    assert await system.found(ada) == replace(joined, revision=3)


async def test_of_two_owners_who_leave_at_once_one_stays(system: System) -> None:
    ada, bo = await system.guest(role="owner"), await system.guest("bo", role="owner")
    refused = await outcomes(system.own.leave(leave(ada)), system.own.leave(leave(bo)))
    assert sorted(each.__name__ for each in refused) == ["LastOwner", "NoneType"]
    states = [(await system.found(each)).state for each in (ada, bo)]
    assert sorted(states) == ["active", "left"]


async def test_of_a_leave_and_a_demotion_of_the_other_owner_at_once_one_is_made(
    system: System,
) -> None:
    ada, bo = await system.guest(role="owner"), await system.guest("bo", role="owner")
    demotion = ChangeMember(sub=bo, role="member", by=BY)
    refused = await outcomes(system.own.leave(leave(ada)), system.admin.change(demotion))
    assert refused.count(LastOwner) == 1
    assert [(await system.found(each)).is_owner for each in (ada, bo)].count(True) == 1


async def test_who_leaves_while_they_are_made_the_owner_does_one_or_the_other(
    system: System,
) -> None:
    ada = await system.guest()
    promotion = ChangeMember(sub=ada, role="owner", by=BY)
    refused = await outcomes(system.own.leave(leave(ada)), system.admin.change(promotion))
    after = await system.found(ada)
    if after.is_active:
        assert (after.is_owner, refused) == (True, [LastOwner, type(None)])
    else:
        assert (after.role, refused) == ("member", [type(None), NoSuchMembership])


async def test_an_owner_who_is_let_in_no_more_counts_as_none(system: System) -> None:
    ada, bo = await system.guest(role="owner"), await system.guest("bo", role="owner")
    note = NoteAccount(sub=bo, organization="halden", disabled=True, revision=1)
    await system.users.note_account(note)
    assert await outcomes(system.own.leave(leave(ada))) == [LastOwner]
    await system.person("vera", organization="varde", roles=("admin",))
    await system.own.leave(leave(ada))


async def test_an_invitation_is_accepted_once(system: System) -> None:
    ada = await system.person()
    asked = AnswerInvitation(sub=ada, id=await system.invited())
    refused = await outcomes(*(system.own.accept(asked) for _ in range(4)))
    assert refused.count(NoSuchMembership) == 3
    assert (await system.found(ada)).revision == 1


async def test_an_invitation_is_nobody_elses(system: System) -> None:
    ada, bo = await system.person(), await system.person("bo")
    invitation = await system.invited()
    stranger = Actor(sub="root", organization="halden")
    asked: tuple[Coroutine[Any, Any, Any], ...] = (
        system.own.accept(AnswerInvitation(sub=bo, id=invitation)),
        system.own.decline(AnswerInvitation(sub=bo, id=invitation)),
        system.admin.revoke(RevokeInvitation(id=invitation, by=stranger)),
    )
    assert await outcomes(*asked) == [NoSuchMembership] * 3
    assert [each.id for each in await system.store.invitations_to(ada)] == [invitation]
    assert await system.store.invitations_to(bo) == []


async def test_an_invitation_is_accepted_or_taken_back(system: System) -> None:
    ada = await system.person()
    invitation = await system.invited()
    refused = await outcomes(
        system.own.accept(AnswerInvitation(sub=ada, id=invitation)),
        system.admin.revoke(RevokeInvitation(id=invitation, by=BY)),
    )
    assert refused.count(NoSuchMembership) == 1
    accepted = await system.store.membership("varde", ada) is not None
    assert accepted == (refused[0] is type(None))


async def test_the_same_user_id_is_invited_once_at_a_time(system: System) -> None:
    asked = [InviteMember(user_id=f"{name}@example.org", by=BY) for name in ("Ada", "ada", "ADA")]
    refused = await outcomes(*map(system.admin.invite, asked))
    assert refused.count(AlreadyInvited) == 2
    await system.time_passes(KeptDays)
    assert await outcomes(system.admin.invite(asked[0])) == [type(None)]


async def test_who_is_invited_again_and_again_is_owed_one_mail_a_day(system: System) -> None:
    ada = await system.person()

    async def repeats() -> None:
        invitation = await system.invited()
        await system.admin.revoke(RevokeInvitation(id=invitation, by=BY))

    for _ in range(3):
        await outcomes(repeats(), repeats(), repeats())
    assert await system.mailed(ada) == ["invited"]
    # The day is that of the invitation, by the clock that dates it.
    await system.invited()
    (invitation,) = await system.store.invitations_to(ada)
    later = replace(invitation, invited_at=invitation.invited_at + timedelta(days=1))
    assert later.notice.receipt != invitation.notice.receipt


async def test_who_is_restored_is_invited_no_more(system: System) -> None:
    ada, bo = await system.guest(), await system.guest("bo")
    for name, sub in (("ada", ada), ("bo", bo)):
        await system.admin.remove(EndOrRestore(sub=sub, by=BY))
        await system.invited(name)
    await system.admin.restore(EndOrRestore(sub=ada, by=BY))
    assert (await system.own.invitations(OfSubject(sub=ada))).items == ()
    assert len((await system.own.invitations(OfSubject(sub=bo))).items) == 1


async def test_of_changes_to_one_revision_at_once_one_is_made(system: System) -> None:
    ada = await system.guest()
    asked = [
        ChangeMember(sub=ada, groups=(f"group-{number}",), revisions=(1,), by=BY)
        for number in range(4)
    ]
    refused = await outcomes(*map(system.admin.change, asked))
    assert refused.count(ChangedMeanwhile) == 3
    assert (await system.found(ada)).revision == 2


async def test_what_ended_long_ago_is_found_no_more_and_makes_room(system: System) -> None:
    ada = await system.guest(groups=("fleet",))
    await system.own.leave(leave(ada))
    asked = EndOrRestore(sub=ada, by=BY)
    await system.time_passes(KeptDays)
    assert await system.store.membership("varde", ada) is None
    assert await outcomes(system.admin.restore(asked)) == [NoSuchMembership]
    listed = await system.admin.members(ListMembers(organization="varde", state="left"))
    assert listed.items == ()
    await system.own.accept(AnswerInvitation(sub=ada, id=await system.invited()))
    anew = await system.found(ada)
    assert (anew.groups, anew.revision, anew.state) == ((), 1, "active")


async def test_lists_are_paged(system: System) -> None:
    subs = sorted([await system.guest(name) for name in ("ada", "bo", "cy")])
    page = await system.admin.members(ListMembers(organization="varde", limit=2))
    assert ([each.sub for each in page.items], page.next) == (subs[:2], subs[1])
    rest = ListMembers(organization="varde", limit=2, after=page.next)
    assert [each.sub for each in (await system.admin.members(rest)).items] == subs[2:]
    for name in ("x", "y", "z"):
        await system.invited(name)
    first = await system.admin.invitations(ListInvitations(organization="varde", limit=2))
    after = ListInvitations(organization="varde", limit=2, after=first.next)
    second = await system.admin.invitations(after)
    assert len({each.id for each in (*first.items, *second.items)}) == 3
    assert second.next is None
    unknown: tuple[Coroutine[Any, Any, Any], ...] = (
        system.admin.members(ListMembers(organization="varde", after="nobody")),
        system.admin.invitations(ListInvitations(organization="halden", after=first.next)),
    )
    assert await outcomes(*unknown) == [UnknownCursor] * 2


async def test_a_deletion_ends_every_membership_however_often_it_is_told(system: System) -> None:
    ada = await system.guest()
    note = NoteAccount(sub=ada, organization="halden", disabled=True, deleted=True, revision=1)
    for _ in range(2):
        await system.users.note_account(note)
    assert await system.store.memberships_of(ada) == []


async def test_a_policy_is_replaced_under_its_version(system: System) -> None:
    policy = LeavePolicy(allowed=False, contact=Helpdesk(email="desk@varde.example"))
    put = PutLeavePolicy(organization="varde", leave=policy, replaces=(0,), by=BY)
    refused = await outcomes(*(system.admin.put_policy(put) for _ in range(3)))
    assert refused.count(ChangedMeanwhile) == 2
    known = await system.admin.read(ReadOrganization(id="varde"))
    assert (known.leave, known.version) == (policy, 1)
