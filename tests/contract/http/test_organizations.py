"""Organizations that one is a guest of, through the services' real HTTP applications."""

from collections.abc import Coroutine
from functools import partial
from typing import Any, cast

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr, ValidationError
from pyotp import TOTP

from services.gateway.api.bodies import ReAuthenticateBody
from services.gateway.model import Caller, SignedIn
from shared.contracts.events import Audited, MembershipChanged
from shared.contracts.organizations import KeptDays, LeavePolicy, Member
from shared.contracts.profile import Helpdesk, Person, PutOrganization
from tests.contract.http.gateway import OLD, WHERE, Gateway, refused
from tests.contract.http.test_roles import api, application, shows_a_factor
from tests.unit.gateway.system import problem_of

VARDE = PutOrganization(id="varde", name="Varde", helpdesk=Helpdesk(email="help@varde.example"))
ELSEWHERE = Helpdesk(name="Front desk", phone="+47 5550 100")


@pytest.fixture
async def vera(gateway: Gateway) -> Person:
    """Return an admin of another organization than that of everybody else here."""
    await gateway.services.profile.put_organization(VARDE)
    added = await gateway.add("vera", organization="varde", roles=("admin",))
    caller = cast("Caller", type("Somebody", (), {"sub": added.sub})())
    return await gateway.administration.admin(caller)


async def invited(gateway: Gateway, vera: Person, name: str = "robin", **more: Any) -> str:
    return (
        await gateway.organizations.administration.invite(
            vera, "varde", f"{name}@halden.example", more.pop("role", "member"), **more
        )
    ).id


async def guest(gateway: Gateway, vera: Person, name: str = "robin", **more: Any) -> Caller:
    await gateway.add(name)
    caller = await gateway.caller(name)
    invitation = await invited(gateway, vera, name, **more)
    await gateway.organizations.own.accept(caller, invitation)
    return caller


async def again(gateway: Gateway, caller: Caller) -> Caller:
    return await gateway.acceptance.accept(caller.token, WHERE)


async def signed_in_to(gateway: Gateway, caller: Caller, organization: str = "varde") -> Caller:
    await gateway.step_ups.by_password(caller, SecretStr(OLD), "organization", organization)
    return await again(gateway, caller)


async def member(gateway: Gateway, vera: Person, caller: Caller) -> Member:
    return await gateway.organizations.administration.member(vera, "varde", caller.sub)


def told(gateway: Gateway) -> list[str]:
    events = gateway.services.memory.people.outbox.values()
    return [e.payload.state for e in events if isinstance(e, MembershipChanged)]


def mailed(gateway: Gateway) -> list[str]:
    return [each.cause for each in gateway.services.memory.people.owed.values()]


def audited(gateway: Gateway) -> list[str]:
    events = gateway.services.memory.people.outbox.values()
    return [
        each.payload.action
        for each in events
        if isinstance(each, Audited) and each.payload.organization == "varde"
    ]


async def test_the_home_organization_comes_first_and_is_not_left(gateway: Gateway) -> None:
    await gateway.add("robin")
    robin = await gateway.caller("robin")
    (home,) = await gateway.organizations.own.list(robin)
    desk = gateway.services.memory.people.organizations["halden"].helpdesk
    assert (home.id, home.home, home.role) == ("halden", True, "member")
    assert (home.leave.allowed, home.leave.reason, home.leave.contact) == (False, "home", desk)
    refusal = await refused(gateway.organizations.own.leave(robin, "halden", confirmed=True))
    assert (refusal.type, refusal.extra["reason"]) == ("not-allowed-by-policy", "home")


async def test_who_accepts_is_a_guest_and_who_declines_is_none(
    gateway: Gateway, vera: Person
) -> None:
    robin = await guest(gateway, vera, role="owner", groups=("b", "a"))
    own = gateway.organizations.own
    _, varde = await own.list(robin)
    assert (varde.id, varde.name, varde.home, varde.role) == ("varde", "Varde", False, "owner")
    assert (varde.leave.allowed, varde.leave.reason, varde.leave.contact) == (True, None, None)
    assert (await member(gateway, vera, robin)).groups == ("a", "b")
    # That they own it makes them nobody who may administer anything there, or at home.
    assert (await refused(gateway.administration.admin(robin))).type == "not-allowed-by-policy"
    await gateway.add("mei")
    mei, invitation = await gateway.caller("mei"), await invited(gateway, vera, "mei")
    (shown,) = await own.invitations(mei)
    assert (shown.id, shown.name, shown.role) == (invitation, "Varde", "member")
    # An id is worth nothing to anybody else.
    assert (await refused(own.accept(robin, invitation))).type == "not-found"
    assert (await refused(own.decline(robin, invitation))).type == "not-found"
    await own.decline(mei, invitation)
    assert await own.invitations(mei) == ()
    assert (await refused(own.accept(mei, invitation))).type == "not-found"
    assert len(await own.list(mei)) == 1
    assert told(gateway) == ["active"]


async def test_an_invitation_to_nobody_is_one_like_any_other(
    gateway: Gateway, vera: Person
) -> None:
    await gateway.add("robin")
    organizations, memory = gateway.organizations.administration, gateway.services.memory
    known = await organizations.invite(vera, "varde", "robin@halden.example", "member")
    nobody = await organizations.invite(vera, "varde", "nobody@halden.example", "member")
    assert known.model_dump().keys() == nobody.model_dump().keys()
    assert {"robin@halden.example", "nobody@halden.example"} == {
        each.user_id for each in (await organizations.invitations(vera, "varde")).items
    }
    # The same is owed and told of both, and says nothing about whom it is to.
    assert mailed(gateway) == ["invited"] * 2
    assert audited(gateway) == ["invite-member"] * 2
    events = [e for e in memory.people.outbox.values() if isinstance(e, Audited)]
    assert {e.subject for e in events if e.payload.action == "invite-member"} == {vera.sub}
    for user_id in ("Robin@halden.example", "nobody@HALDEN.example"):
        refusal = await refused(organizations.invite(vera, "varde", user_id, "owner"))
        assert refusal.type == "already-invited"
    for each in (known, nobody):
        await organizations.revoke(vera, "varde", each.id)
        assert (await refused(organizations.revoke(vera, "varde", each.id))).type == "not-found"
    assert (await organizations.invitations(vera, "varde")).items == ()


async def test_who_belongs_to_it_already_is_not_invited(gateway: Gateway, vera: Person) -> None:
    await guest(gateway, vera)
    organizations = gateway.organizations.administration
    for user_id in ("robin@halden.example", "vera@halden.example"):
        refusal = await refused(organizations.invite(vera, "varde", user_id, "member"))
        assert refusal.type == "already-member"


async def test_nobody_is_mailed_more_often_than_once_a_day_by_what_an_admin_repeats(
    gateway: Gateway, vera: Person
) -> None:
    await gateway.add("robin")
    robin, organizations = await gateway.caller("robin"), gateway.organizations.administration
    clock = gateway.services.memory.clock
    for _ in range(3):
        # Whom nobody knows is mailed as seldom, and no answer tells of a mail.
        for name in ("robin", "nobody"):
            await organizations.revoke(vera, "varde", await invited(gateway, vera, name))
        clock.advance(3600)
    assert mailed(gateway) == ["invited"] * 2
    # The invitation itself holds, mailed or not.
    invitation = await invited(gateway, vera)
    assert [each.id for each in await gateway.organizations.own.invitations(robin)] == [invitation]
    await gateway.organizations.own.accept(robin, invitation)
    for _ in range(3):
        await organizations.remove(vera, "varde", robin.sub)
        await organizations.restore(vera, "varde", robin.sub)
    assert mailed(gateway)[2:] == ["membership-removed", "membership-restored"]
    clock.advance(24 * 3600)
    await organizations.remove(vera, "varde", robin.sub)
    await invited(gateway, vera)
    assert mailed(gateway)[4:] == ["membership-removed", "invited"]


async def test_who_is_added_after_their_invitation_is_mailed_about_the_next(
    gateway: Gateway, vera: Person
) -> None:
    organizations = gateway.organizations.administration
    await organizations.revoke(vera, "varde", await invited(gateway, vera))
    robin = await gateway.add("robin")
    await invited(gateway, vera)
    owed = gateway.services.memory.people.owed.values()
    assert [each.sub == robin.sub for each in owed] == [False, True]


async def test_whoever_leaves_is_told_each_time(gateway: Gateway, vera: Person) -> None:
    robin, own = await guest(gateway, vera), gateway.organizations.own
    for _ in range(2):
        robin = await signed_in_to(gateway, robin)
        await own.leave(robin, "varde", confirmed=True)
        await gateway.organizations.administration.restore(vera, "varde", robin.sub)
    assert mailed(gateway).count("organization-left") == 2


async def test_an_invitation_ends_by_itself(gateway: Gateway, vera: Person) -> None:
    await gateway.add("robin")
    invitation = await invited(gateway, vera)
    gateway.services.memory.clock.advance(KeptDays * 24 * 3600)
    robin = await gateway.caller("robin")
    refusal = await refused(gateway.organizations.own.accept(robin, invitation))
    assert refusal.type == "not-found"
    assert await invited(gateway, vera) != invitation


async def test_leaving_takes_a_confirmation_and_a_sign_in_to_that_very_organization(
    gateway: Gateway, vera: Person
) -> None:
    robin = await guest(gateway, vera, groups=("fleet",))
    leave = gateway.organizations.own.leave
    refusal = await refused(leave(robin, "varde", confirmed=False))
    assert refusal.type == "confirmation-required"
    # The sign-in of a moment ago was to nobody but their own, and so is what is for all else.
    for purpose in ("security-info", "password"):
        await gateway.step_ups.by_password(robin, SecretStr(OLD), purpose)
        robin = await again(gateway, robin)
        refusal = await refused(leave(robin, "varde", confirmed=True))
        assert (refusal.type, refusal.extra) == (
            "step-up-required",
            {"needs": "reauthentication", "organization": "varde"},
        )
    robin = await signed_in_to(gateway, robin, "another")
    assert (await refused(leave(robin, "varde", confirmed=True))).type == "step-up-required"
    robin = await signed_in_to(gateway, robin)
    gateway.services.memory.clock.advance(5 * 60)
    assert (await refused(leave(robin, "varde", confirmed=True))).type == "step-up-required"
    assert (await member(gateway, vera, robin)).state == "active"
    robin = await signed_in_to(gateway, robin)
    await leave(robin, "varde", confirmed=True)
    assert len(await gateway.organizations.own.list(robin)) == 1
    left = await member(gateway, vera, robin)
    assert (left.state, left.ended_by, left.groups) == ("left", robin.sub, ("fleet",))
    assert told(gateway) == ["active", "left"]
    assert audited(gateway)[-1] == "leave-organization"
    assert (await refused(leave(robin, "varde", confirmed=True))).type == "not-found"


async def test_a_sign_in_to_an_organization_is_good_for_nothing_else(
    gateway: Gateway, vera: Person
) -> None:
    robin = await guest(gateway, vera)
    gateway.services.memory.clock.advance(3000)
    robin = await signed_in_to(gateway, robin)
    refusal = await refused(gateway.step_ups.require_for_change(robin))
    assert (refusal.type, refusal.extra["needs"]) == ("step-up-required", "reauthentication")
    said = {"password": OLD, "organization": "varde"}
    assert ReAuthenticateBody.model_validate(said).shown_for == "organization"
    for purpose in ("security-info", "administration"):
        with pytest.raises(ValidationError):
            ReAuthenticateBody.model_validate(said | {"purpose": purpose})
    with pytest.raises(ValidationError):
        ReAuthenticateBody.model_validate({"password": OLD, "purpose": "organization"})


async def test_who_has_a_factor_has_used_it_before_they_leave(
    gateway: Gateway, vera: Person
) -> None:
    robin = await guest(gateway, vera)
    begun = await gateway.security_info.enroll_authenticator(robin, label="Phone")
    totp = TOTP(begun.secret.get_secret_value())
    code = SecretStr(totp.at(gateway.services.memory.clock.now()))
    # Another session of theirs has not shown it.
    other = await gateway.caller("robin")
    await gateway.security_info.prove(robin, begun.id, code)
    other = await signed_in_to(gateway, other)
    refusal = await refused(gateway.organizations.own.leave(other, "varde", confirmed=True))
    assert (refusal.type, refusal.extra["needs"]) == ("step-up-required", "mfa")


async def test_an_organization_that_lets_nobody_go_says_whom_to_ask(
    gateway: Gateway, vera: Person
) -> None:
    robin = await signed_in_to(gateway, await guest(gateway, vera))
    own, organizations = gateway.organizations.own, gateway.organizations.administration
    for contact in (None, Helpdesk(), ELSEWHERE):
        policy = LeavePolicy(allowed=False, contact=contact)
        await organizations.put_policy(vera, "varde", policy)
        expected = ELSEWHERE if contact == ELSEWHERE else VARDE.helpdesk
        _, varde = await own.list(robin)
        assert varde.leave.model_dump() == {
            "allowed": False,
            "reason": "policy",
            "contact": expected.model_dump(),
        }
        refusal = await refused(own.leave(robin, "varde", confirmed=True))
        assert (refusal.type, refusal.status) == ("not-allowed-by-policy", 403)
        assert refusal.extra == {"reason": "policy", "contact": expected.model_dump()}
    assert (await member(gateway, vera, robin)).state == "active"
    replaced = await organizations.read(vera, "varde")
    assert (replaced.version, replaced.leave.contact) == (3, ELSEWHERE)
    put = organizations.put_policy(vera, "varde", LeavePolicy(), (1,))
    assert (await refused(put)).type == "changed-meanwhile"


async def test_the_last_owner_stays(gateway: Gateway, vera: Person) -> None:
    robin = await signed_in_to(gateway, await guest(gateway, vera, role="owner"))
    mei = await signed_in_to(gateway, await guest(gateway, vera, "mei", role="owner"))
    # An organization that was set up without people of its own has guests alone.
    people = gateway.services.memory.people
    del people.persons[vera.sub]
    own = gateway.organizations.own
    await own.leave(robin, "varde", confirmed=True)
    refusal = await refused(own.leave(mei, "varde", confirmed=True))
    assert (refusal.type, refusal.status) == ("last-owner", 409)
    assert (await own.list(mei))[1].leave.reason == "last-owner"
    organizations = gateway.organizations.administration
    for asked in (
        organizations.remove(vera, "varde", mei.sub),
        organizations.change(vera, "varde", mei.sub, role="member"),
    ):
        assert (await refused(asked)).type == "last-owner"


async def test_who_is_removed_can_be_restored_as_they_were_for_a_while(
    gateway: Gateway, vera: Person
) -> None:
    robin = await guest(gateway, vera, role="owner", groups=("fleet",))
    organizations = gateway.organizations.administration
    stale = await refused(organizations.remove(vera, "varde", robin.sub, replaces=(99,)))
    assert (stale.type, stale.status) == ("changed-meanwhile", 412)
    await organizations.remove(vera, "varde", robin.sub, replaces=(1,))
    assert (await refused(organizations.remove(vera, "varde", robin.sub))).type == "not-found"
    stale = await refused(organizations.restore(vera, "varde", robin.sub, replaces=(1,)))
    assert stale.type == "changed-meanwhile"
    (gone,) = (await organizations.members(vera, "varde", "removed")).items
    assert (gone.sub, gone.ended_by) == (robin.sub, vera.sub)
    back = await organizations.restore(vera, "varde", robin.sub)
    assert (back.state, back.role, back.groups, back.revision) == ("active", "owner", ("fleet",), 3)
    assert (await refused(organizations.restore(vera, "varde", robin.sub))).type == "not-found"
    assert mailed(gateway) == ["invited", "membership-removed", "membership-restored"]
    await organizations.remove(vera, "varde", robin.sub)
    gateway.services.memory.clock.advance(KeptDays * 24 * 3600)
    assert (await refused(organizations.restore(vera, "varde", robin.sub))).type == "not-found"
    assert (await organizations.members(vera, "varde", "removed")).items == ()
    # They are invited again, and nothing of before comes back with it.
    robin = await gateway.caller("robin")
    await gateway.organizations.own.accept(robin, await invited(gateway, vera))
    anew = await member(gateway, vera, robin)
    assert (anew.role, anew.groups, anew.state) == ("member", (), "active")


async def test_a_guest_is_changed_under_the_revision_that_was_read(
    gateway: Gateway, vera: Person
) -> None:
    robin = await guest(gateway, vera)
    organizations = gateway.organizations.administration
    changed = await organizations.change(vera, "varde", robin.sub, role="owner", replaces=(1,))
    assert (changed.role, changed.revision) == ("owner", 2)
    stale = organizations.change(vera, "varde", robin.sub, groups=("a",), replaces=(1,))
    assert (await refused(stale)).type == "changed-meanwhile"
    # What changes nothing is no change.
    same = await organizations.change(vera, "varde", robin.sub, role="owner")
    assert (same.revision, audited(gateway).count("change-member")) == (2, 1)


async def test_no_admin_touches_what_is_anothers(gateway: Gateway, vera: Person) -> None:
    robin = await guest(gateway, vera)
    root, organizations = await gateway.admin(), gateway.organizations.administration
    for admin, organization in ((root, "varde"), (root, "halden")):
        for asked in (
            organizations.member(admin, organization, robin.sub),
            organizations.change(admin, organization, robin.sub, role="owner"),
            organizations.remove(admin, organization, robin.sub),
            organizations.restore(admin, organization, robin.sub),
            organizations.revoke(admin, organization, "anything"),
        ):
            assert (await refused(asked)).type == "not-found"
    others: tuple[Coroutine[Any, Any, object], ...] = (
        organizations.read(root, "varde"),
        organizations.put_policy(root, "varde", LeavePolicy(allowed=False)),
        organizations.members(root, "varde"),
        organizations.invitations(root, "varde"),
        organizations.invite(root, "varde", "mei@halden.example", "member"),
    )
    for each in others:
        assert (await refused(each)).type == "not-found"
    assert (await member(gateway, vera, robin)).revision == 1
    # Nor is a guest one of the people whom an admin looks after.
    assert (await refused(gateway.users.read(vera, robin.sub))).type == "not-found"


async def test_who_is_deleted_is_a_guest_nowhere(gateway: Gateway, vera: Person) -> None:
    root = await gateway.admin()
    robin = await guest(gateway, vera)
    await gateway.add("mei")
    await invited(gateway, vera, "mei")
    people = gateway.services.memory.people
    await gateway.users.delete(root, robin.sub)
    assert people.memberships == {}
    assert len(people.invitations) == 1
    members = await gateway.organizations.administration.members(vera, "varde")
    assert members.items == ()


async def test_the_home_organization_of_an_admin_is_one_they_own(gateway: Gateway) -> None:
    await gateway.add("ada", roles=("admin",))
    (home,) = await gateway.organizations.own.list(await gateway.caller("ada"))
    assert home.role == "owner"


async def test_which_version_is_meant_is_heeded_where_a_guest_is_removed_or_restored(
    gateway: Gateway, vera: Person
) -> None:
    robin = await guest(gateway, vera)
    signed_in = await gateway.begin("vera")
    assert isinstance(signed_in, SignedIn)
    await shows_a_factor(gateway, signed_in.token)
    path = f"/api/v1/admin/organizations/varde/members/{robin.sub}"
    shown = {"Authorization": f"Bearer {signed_in.token}"}
    async with TestClient(TestServer(application(gateway, api(gateway).operations()))) as client:
        for asked in (partial(client.delete, path), partial(client.post, f"{path}/restore")):
            refusal = await asked(headers=shown | {"If-Match": '"99"'})
            await problem_of(refusal, 412, "changed-meanwhile")
            known = (await member(gateway, vera, robin)).revision
            assert (await asked(headers=shown | {"If-Match": f'"{known}"'})).status in {200, 204}
