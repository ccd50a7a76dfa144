"""What admins do to users, through the services' real HTTP applications."""

import asyncio
from typing import Any, cast

import pytest
from pydantic import SecretStr
from pyotp import TOTP

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.errors import AnswerLost
from services.gateway.model import ActionRequired, Caller, SignedIn
from shared.contracts.accounts import Account, DisableAccount
from shared.contracts.body import Done
from shared.contracts.credentials import EnrollAccount
from shared.contracts.events import Audited
from shared.contracts.policy import PasswordPolicy
from shared.contracts.profile import AddPerson, GetPerson, ListPeople, Person
from shared.contracts.users import NoteAccount, RecordChanges
from tests.contract.http.gateway import NEW, OLD, WHERE, Gateway, key, refused

DEMOTED = RecordChanges(roles=())


@pytest.fixture
async def root(gateway: Gateway) -> Person:
    """Return an admin, with an account."""
    admin = await gateway.admin()
    account = EnrollAccount(sub=admin.sub, user_id=admin.user_id, organization="halden")
    await gateway.services.credentials.enroll(account)
    return admin


async def admin_of(gateway: Gateway, person: Person) -> Person:
    caller = cast("Caller", type("Somebody", (), {"sub": person.sub})())
    return await gateway.administration.admin(caller)


async def elsewhere(gateway: Gateway) -> Person:
    added = await gateway.add("zoe", organization="elsewhere", roles=("admin",))
    return await admin_of(gateway, added)


def audited(gateway: Gateway) -> list[tuple[str, str]]:
    memory = gateway.services.memory
    events = [*memory.people.outbox.values(), *memory.epochs.outbox.values()]
    return [
        (each.payload.action, each.subject)
        for each in events
        if isinstance(each, Audited) and each.payload.action != "add-user"
    ]


async def test_a_user_is_shown_with_groups_and_kinds_of_methods_and_nothing_of_these(
    gateway: Gateway, root: Person
) -> None:
    robin = await gateway.add("robin", groups=("sales", "bremen", "sales"))
    caller = await gateway.caller("robin")
    begun = await gateway.security_info.enroll_authenticator(caller, label="My phone")
    known = await gateway.users.read(root, robin.sub)
    assert (known.user.groups, known.methods, known.has_factor) == (("bremen", "sales"), (), False)
    code = TOTP(begun.secret.get_secret_value()).at(gateway.services.memory.clock.now())
    await gateway.security_info.prove(caller, begun.id, SecretStr(code))
    known = await gateway.users.read(root, robin.sub)
    assert known.has_factor
    assert [each.kind for each in known.methods] == ["authenticator"]
    # Their owner is told of no group.
    assert b"bremen" not in await gateway.account.me(caller)


async def test_a_record_is_changed_field_by_field(gateway: Gateway, root: Person) -> None:
    mei = await gateway.add("mei")
    robin = await gateway.add("robin", office="Bremen", job_title="Driver")
    changes = RecordChanges(display_name="Robin Vale", manager=mei.sub, groups=("sales",))
    changed = await gateway.users.change(root, robin.sub, changes, emptied=("office",))
    user = changed.user
    assert (user.display_name, user.office, user.job_title) == ("Robin Vale", None, "Driver")
    assert user.manager is not None
    assert (user.manager.display_name, user.groups, user.revision) == ("Mei", ("sales",), 2)
    assert audited(gateway) == [("change-user", robin.sub)]
    # What changes nothing is no change.
    assert (await gateway.users.change(root, robin.sub, changes)).user.revision == 2
    assert len(audited(gateway)) == 1


async def test_a_change_that_is_meant_for_another_revision_is_refused(
    gateway: Gateway, root: Person
) -> None:
    robin = await gateway.add("robin")
    change = RecordChanges(office="Bremen")
    assert (await gateway.users.change(root, robin.sub, change, replaces=(1,))).user.revision == 2
    late = RecordChanges(office="Utrecht")
    refusal = await refused(gateway.users.change(root, robin.sub, late, replaces=(1,)))
    assert (refusal.type, refusal.status) == ("changed-meanwhile", 412)
    assert (await gateway.users.read(root, robin.sub)).user.office == "Bremen"


async def test_a_manager_has_to_be_one_of_the_organizations_own(
    gateway: Gateway, root: Person
) -> None:
    robin, zoe = await gateway.add("robin"), await elsewhere(gateway)
    gone = await gateway.add("gone")
    await gateway.users.delete(root, gone.sub)
    for nobody in (zoe.sub, gone.sub, "nobody"):
        change = RecordChanges(manager=nobody)
        refusal = await refused(gateway.users.change(root, robin.sub, change))
        assert refusal.errors[0]["reason"] == "unknown-manager"


async def test_changed_addresses_are_told_at_the_old_and_at_the_new_ones(
    gateway: Gateway, root: Person
) -> None:
    robin = await gateway.add("robin", emails=("a@halden.example", "b@halden.example"))
    change = RecordChanges(emails=("b@halden.example", "c@halden.example"))
    await gateway.users.change(root, robin.sub, change)
    owed = gateway.services.memory.people.owed.values()
    assert {(each.to, each.cause, each.sub) for each in owed} == {
        (f"{name}@halden.example", "addresses-changed", robin.sub) for name in "abc"
    }
    assert len({each.receipt for each in owed}) == 3


async def test_to_an_admin_of_another_organization_a_user_is_like_nobody(
    gateway: Gateway, root: Person
) -> None:
    robin, zoe = await gateway.add("robin"), await elsewhere(gateway)
    caller = await gateway.caller("robin")
    gateway.services.memory.people.outbox.clear()

    def everything(sub: str) -> list[Any]:
        users = gateway.users
        return [
            users.read(zoe, sub),
            users.change(zoe, sub, RecordChanges(display_name="Taken Over")),
            users.set_temporary_password(zoe, sub, SecretStr(NEW)),
            users.sign_out(zoe, sub),
            users.disable(zoe, sub),
            users.enable(zoe, sub),
            users.delete(zoe, sub),
        ]

    ofs = [[await refused(asked) for asked in everything(sub)] for sub in (robin.sub, "nobody")]
    assert [each.body() for each in ofs[0]] == [each.body() for each in ofs[1]]
    assert {each.type for each in ofs[0]} == {"not-found"}
    assert (await gateway.acceptance.accept(caller.token, WHERE)).sub == robin.sub
    assert (await gateway.users.read(root, robin.sub)).user.display_name == "Robin"
    assert audited(gateway) == []


async def test_a_role_that_is_taken_away_is_gone_at_once(gateway: Gateway, root: Person) -> None:
    ada = await gateway.add("ada", roles=("admin",))
    caller = await gateway.caller("ada")
    assert "admin" in (await gateway.account.person(caller)).roles
    await gateway.administration.admin(caller)
    await gateway.users.change(root, ada.sub, DEMOTED)
    # What is kept of people for a second still has it.
    kept = await gateway.services.profile.get(GetPerson(sub=ada.sub))
    assert "admin" in kept.roles
    refusal = await refused(gateway.administration.admin(caller))
    assert refusal.type == "not-allowed-by-policy"


@pytest.mark.parametrize("how", ["demote", "disable", "delete"])
async def test_the_last_admin_stays_one(gateway: Gateway, root: Person, how: str) -> None:
    ada = await gateway.add("ada", roles=("admin",))
    mei = await gateway.add("mei", roles=("admin",))
    acting, users = await admin_of(gateway, ada), gateway.users

    async def end(sub: str) -> None:
        if how == "demote":
            await users.change(acting, sub, DEMOTED)
        elif how == "disable":
            await users.disable(acting, sub)
        else:
            await users.delete(acting, sub)

    await users.disable(acting, mei.sub)
    await users.enable(acting, mei.sub)
    await users.change(acting, root.sub, DEMOTED)
    await end(mei.sub)
    refusal = await refused(end(ada.sub))
    assert (refusal.type, refusal.status) == ("last-admin", 409)
    known = await users.read(acting, ada.sub)
    assert not known.account.disabled
    assert known.user.roles == ("admin",)
    assert (await gateway.caller("ada")).sub == ada.sub


async def crossing(
    gateway: Gateway, root: Person, monkeypatch: pytest.MonkeyPatch
) -> tuple[Person, Person]:
    """Return two admins. When the first shuts the second out, that crosses what the second does.

    Who is being shut out is enabled meanwhile, and shuts the first one out.
    """
    ada = await gateway.add("ada", roles=("admin",))
    mei = await gateway.add("mei", roles=("admin",))
    acting, other, users = await admin_of(gateway, ada), await admin_of(gateway, mei), gateway.users
    await users.change(acting, root.sub, DEMOTED)
    disable = CredentialsClient.disable

    async def crossed(client: CredentialsClient, asked: DisableAccount) -> Account:
        monkeypatch.setattr(CredentialsClient, "disable", disable)
        await users.enable(other, mei.sub)
        await users.disable(other, ada.sub)
        return await disable(client, asked)

    monkeypatch.setattr(CredentialsClient, "disable", crossed)
    return acting, other


async def test_an_admin_who_is_enabled_while_they_are_disabled_is_not_the_last_to_go(
    gateway: Gateway, root: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting, mei = await crossing(gateway, root, monkeypatch)
    assert (await refused(gateway.users.disable(acting, mei.sub))).type == "last-admin"
    assert not (await gateway.users.read(mei, mei.sub)).account.disabled
    assert (await gateway.caller("mei")).sub == mei.sub


async def test_a_delete_that_crosses_an_enable_leaves_an_admin(
    gateway: Gateway, root: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting, mei = await crossing(gateway, root, monkeypatch)
    assert (await refused(gateway.users.delete(acting, mei.sub))).type == "last-admin"
    assert (await gateway.caller("mei")).sub == mei.sub
    assert audited(gateway).count(("delete-user", mei.sub)) == 0
    await gateway.administration.admin(await gateway.caller("mei"))


async def test_a_delete_that_crosses_an_enable_is_done_once_where_others_are_left(
    gateway: Gateway, root: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    mei = await gateway.add("mei", roles=("admin",))
    disable = CredentialsClient.disable

    async def crossed(client: CredentialsClient, asked: DisableAccount) -> Account:
        monkeypatch.setattr(CredentialsClient, "disable", disable)
        await gateway.users.enable(root, mei.sub)
        return await disable(client, asked)

    monkeypatch.setattr(CredentialsClient, "disable", crossed)
    await gateway.users.delete(root, mei.sub)
    assert audited(gateway).count(("delete-user", mei.sub)) == 1
    told = gateway.services.memory.epochs.outbox.values()
    assert [each.subject for each in told if each.name == "account-disabled"] == [mei.sub]


async def test_of_two_admins_who_demote_each_other_at_once_one_stays(
    gateway: Gateway, root: Person
) -> None:
    ada = await gateway.add("ada", roles=("admin",))
    acting = await admin_of(gateway, ada)
    done = await asyncio.gather(
        gateway.users.change(acting, root.sub, DEMOTED),
        gateway.users.change(root, ada.sub, DEMOTED),
        return_exceptions=True,
    )
    assert sorted(getattr(each, "type", "done") for each in done) == ["done", "last-admin"]


@pytest.mark.asvs("7.4.2")
async def test_a_disabled_account_ends_at_once_and_lets_nobody_in_until_it_is_enabled(
    gateway: Gateway, root: Person
) -> None:
    robin = await gateway.add("robin")
    caller = await gateway.caller("robin")
    wrong = await refused(gateway.begin("robin", NEW))
    shut = await gateway.users.disable(root, robin.sub)
    refusal = await refused(gateway.acceptance.accept(caller.token, WHERE))
    assert (refusal.type, refusal.extra["cause"]) == ("session-revoked", "account-disabled")
    refusal = await refused(gateway.begin("robin"))
    assert (refusal.body(), refusal.status) == (wrong.body(), wrong.status)
    known = await gateway.users.read(root, robin.sub)
    assert (known.account.disabled, known.account.receipt) == (True, shut.receipt)
    assert (await gateway.users.disable(root, robin.sub)).receipt == shut.receipt
    await gateway.users.enable(root, robin.sub)
    assert (await gateway.caller("robin")).sub == robin.sub
    actions = [("disable-user", robin.sub), ("enable-user", robin.sub)]
    assert audited(gateway) == actions


async def test_a_sign_in_that_is_half_done_comes_to_nothing_once_the_account_is_disabled(
    gateway: Gateway, root: Person
) -> None:
    robin = await gateway.add("robin", temporary=True)
    waiting = await gateway.begin("robin")
    assert isinstance(waiting, ActionRequired)
    await gateway.users.disable(root, robin.sub)
    own = gateway.sign_in.replace_temporary_password(key(waiting), SecretStr(NEW), WHERE)
    assert (await refused(own)).type in {"flow-ended", "sign-in-refused"}


@pytest.mark.asvs("7.4.2")
async def test_a_deleted_user_is_nobody_to_whoever_asks(gateway: Gateway, root: Person) -> None:
    robin = await gateway.add("robin")
    await gateway.users.delete(root, robin.sub)
    for asked in (
        gateway.users.read(root, robin.sub),
        gateway.users.enable(root, robin.sub),
        gateway.users.delete(root, robin.sub),
        gateway.users.sign_out(root, robin.sub),
    ):
        assert (await refused(asked)).type == "not-found"
    listed = await gateway.services.profile.list(ListPeople(organization="halden"))
    assert robin.sub not in {each.sub for each in listed.items}
    assert (await refused(gateway.begin("robin"))).type == "sign-in-refused"
    # The same user ID is somebody else's one day, but not yet.
    assert (await refused(gateway.add("robin"))).type == "user-exists"


async def test_a_user_is_deleted_as_the_admin_has_read_them_or_not_at_all(
    gateway: Gateway, root: Person
) -> None:
    robin = await gateway.add("robin")
    moved = RecordChanges(office="Bremen")
    assert (await gateway.users.change(root, robin.sub, moved)).user.revision == 2
    for stale in ((1,), ()):
        refusal = await refused(gateway.users.delete(root, robin.sub, replaces=stale))
        assert (refusal.type, refusal.status) == ("changed-meanwhile", 412)
    assert (await gateway.begin("robin")) is not None
    await gateway.users.delete(root, robin.sub, replaces=(2,))
    assert (await refused(gateway.users.read(root, robin.sub))).type == "not-found"


async def test_a_change_that_comes_while_a_user_is_deleted_as_they_were_keeps_them(
    gateway: Gateway, root: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    robin = await gateway.add("robin")
    note = ProfileClient.note_account

    async def crossed(client: ProfileClient, asked: NoteAccount) -> Done:
        monkeypatch.setattr(ProfileClient, "note_account", note)
        await gateway.users.change(root, robin.sub, RecordChanges(office="Bremen"))
        return await note(client, asked)

    monkeypatch.setattr(ProfileClient, "note_account", crossed)
    refusal = await refused(gateway.users.delete(root, robin.sub, replaces=(1,)))
    assert (refusal.type, refusal.status) == ("changed-meanwhile", 412)
    known = await gateway.users.read(root, robin.sub)
    assert (known.user.office, known.account.disabled) == ("Bremen", False)
    assert not known.user.disabled


async def test_an_admin_who_is_being_disabled_is_none_any_more_though_it_went_no_further(
    gateway: Gateway, root: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await gateway.add("ada", roles=("admin",))
    caller = await gateway.caller("ada")

    async def lost(_client: CredentialsClient, _asked: DisableAccount) -> Account:
        raise AnswerLost

    with monkeypatch.context() as broken:
        broken.setattr(CredentialsClient, "disable", lost)
        assert (await refused(gateway.users.disable(root, ada.sub))).status == 503
    refusal = await refused(gateway.administration.admin(caller))
    assert refusal.type == "not-allowed-by-policy"
    assert not (await gateway.users.read(root, ada.sub)).account.disabled
    # Either way out works.
    await gateway.users.enable(root, ada.sub)
    assert (await gateway.administration.admin(caller)).sub == ada.sub
    assert (await gateway.users.disable(root, ada.sub)).disabled
    assert (await refused(gateway.begin("ada"))).type == "sign-in-refused"


async def test_a_temporary_password_is_as_long_as_policy_wants(
    gateway: Gateway, root: Person
) -> None:
    robin = await gateway.add("robin")
    for length in (15, 19, 20, 64):
        await gateway.policies.put_passwords(root, PasswordPolicy(minimum_length=length))
        given = await gateway.users.set_temporary_password(root, robin.sub, None)
        assert given.password is not None
        assert len(given.password.get_secret_value()) >= max(length, 19)


async def test_a_temporary_password_is_changed_at_the_next_sign_in(
    gateway: Gateway, root: Person
) -> None:
    robin = await gateway.add("robin")
    caller = await gateway.caller("robin")
    given = await gateway.users.set_temporary_password(root, robin.sub, None)
    assert given.password is not None
    refusal = await refused(gateway.acceptance.accept(caller.token, WHERE))
    assert refusal.extra["cause"] == "password-set-by-admin"
    assert (await refused(gateway.begin("robin"))).type == "sign-in-refused"
    waiting = await gateway.begin("robin", given.password.get_secret_value())
    assert isinstance(waiting, ActionRequired)
    assert waiting.action == "change-password"
    own = gateway.sign_in.replace_temporary_password(key(waiting), SecretStr(OLD), WHERE)
    assert isinstance(await own, SignedIn)


async def test_a_temporary_password_that_holds_the_users_name_is_refused(
    gateway: Gateway, root: Person
) -> None:
    robin = await gateway.add("robin", display_name="Cornelius Abernathy")
    named = SecretStr("cornelius abernathy")
    refusal = await refused(gateway.users.set_temporary_password(root, robin.sub, named))
    assert refusal.type == "password-refused"
    assert {each["field"] for each in refusal.errors} == {"password"}
    assert (await gateway.caller("robin")).sub == robin.sub


async def test_a_user_whom_an_admin_signs_out_keeps_their_password(
    gateway: Gateway, root: Person
) -> None:
    robin = await gateway.add("robin")
    caller = await gateway.caller("robin")
    await gateway.users.sign_out(root, robin.sub)
    refusal = await refused(gateway.acceptance.accept(caller.token, WHERE))
    assert refusal.extra["cause"] == "signed-out-by-admin"
    assert (await gateway.caller("robin")).sub == robin.sub
    assert audited(gateway) == [("sign-out-user", robin.sub)]


async def test_who_was_changed_is_still_found_by_the_record_they_were_added_by(
    gateway: Gateway, root: Person
) -> None:
    robin = await gateway.add("robin")
    await gateway.users.change(root, robin.sub, RecordChanges(office="Bremen"))
    await gateway.users.change(root, robin.sub, RecordChanges(office="Utrecht"))
    assert (await refused(gateway.add("robin"))).type == "user-exists"
    record = AddPerson(**gateway.record("robin"))
    assert (await gateway.services.profile.add(record)).sub == robin.sub
