"""What an admin does to an account."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NoReturn

import pytest
from pydantic import SecretStr

from services.credentials.accounts import Accounts
from services.credentials.errors import (
    PasswordChangedMeanwhile,
    PasswordRefused,
    SignInRefused,
    UserExists,
)
from services.credentials.model import Password
from shared.contracts.accounts import (
    DeletedDays,
    DisableAccount,
    EnableAccount,
    ReadAccount,
    RequirePasswordChange,
    SetTemporaryPassword,
)
from shared.contracts.audit import Actor
from shared.contracts.credentials import EnrollAccount, Words
from shared.contracts.events import AccountDisabled, AccountEnabled, Audited, CredentialChange
from shared.contracts.refusals import ChangedMeanwhile, NotFound
from tests.unit.credentials.system import NEW, OLD, System

ADMIN = Actor(sub="root", organization="halden")


@pytest.fixture
def accounts(system: System) -> Accounts:
    return Accounts(
        system.store, system.hasher, system.passwords.rules, system.passwords.demands, system.clock
    )


def audited(system: System) -> list[tuple[str, str, str | None]]:
    found = [each for each in system.epochs.outbox.values() if isinstance(each, Audited)]
    return [(each.payload.action, each.subject, each.payload.actor) for each in found]


async def refusal_of(system: System, password: str = OLD) -> SignInRefused:
    with pytest.raises(SignInRefused) as refused:
        await system.verify(password)
    return refused.value


async def test_a_disabled_account_is_refused_like_a_wrong_password_until_it_is_enabled(
    system: System, accounts: Accounts
) -> None:
    ada = await system.enroll()
    wrong = await refusal_of(system, NEW)
    disabled = await accounts.disable(DisableAccount(sub=ada.sub, by=ADMIN))
    assert disabled.disabled
    right = await refusal_of(system)
    assert (right.type, right.status, right.body()) == (wrong.type, wrong.status, wrong.body())
    # It is counted as one, and so locks as one.
    assert [each.failures for each in system.guesses.by_key.values()] == [2, 2]
    enabled = await accounts.enable(EnableAccount(sub=ada.sub, by=ADMIN))
    assert not enabled.disabled
    assert (await system.verify(OLD)).sub == ada.sub
    assert audited(system) == [
        ("disable-user", ada.sub, "root"),
        ("enable-user", ada.sub, "root"),
    ]


async def test_a_password_that_is_to_be_changed_is_good_for_nothing_else(
    system: System, accounts: Accounts
) -> None:
    ada = await system.enroll()
    before = await system.store.password_of(ada.sub)
    for _ in range(2):
        await accounts.require_change(RequirePasswordChange(sub=ada.sub))
    assert (await system.verify(OLD)).must_change
    changed = await system.store.password_of(ada.sub)
    assert before is not None
    assert changed == replace(before, temporary=True, version=before.version + 1)
    # Nothing is ended by it: whoever asks for it does that.
    assert system.epochs.current(ada.sub) == 1


async def test_a_sign_in_that_read_the_password_before_comes_to_nothing(
    system: System, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await system.enroll()
    before = await system.store.password_of(ada.sub)
    await accounts.require_change(RequirePasswordChange(sub=ada.sub))

    async def read_before(_user_id: str) -> Password | None:
        return before

    monkeypatch.setattr(system.store, "password_named", read_before)
    await refusal_of(system)


async def test_who_has_no_password_is_asked_for_none(system: System, accounts: Accounts) -> None:
    await system.passwords.enroll(EnrollAccount(sub="eve", user_id="eve@example.org"))
    before = await system.store.password_of("eve")
    assert before is not None
    system.store.passwords["eve"] = replace(before, temporary=False)
    await accounts.require_change(RequirePasswordChange(sub="eve"))
    assert await system.store.password_of("eve") == replace(before, temporary=False)
    with pytest.raises(NotFound):
        await accounts.require_change(RequirePasswordChange(sub="nobody"))


async def test_disabling_ends_everything_and_is_told_once_however_often_it_is_asked(
    system: System, accounts: Accounts
) -> None:
    ada = await system.enroll()
    first = await accounts.disable(DisableAccount(sub=ada.sub, by=ADMIN))
    again = await accounts.disable(DisableAccount(sub=ada.sub, by=ADMIN))
    assert again == first
    assert system.epochs.current(ada.sub) == 2
    # Whoever died in between may not have settled it.
    assert system.epochs.settled == [ada.sub, ada.sub]
    (told,) = (e for e in system.epochs.outbox.values() if isinstance(e, AccountDisabled))
    assert (told.id, told.payload.epoch, told.payload.cause) == (
        first.receipt,
        2,
        "account-disabled",
    )
    assert told.payload.revision == first.revision
    enabled = [await accounts.enable(EnableAccount(sub=ada.sub, by=ADMIN)) for _ in range(2)]
    (opened,) = (e for e in system.epochs.outbox.values() if isinstance(e, AccountEnabled))
    assert opened.payload.revision == enabled[0].revision > first.revision
    # It is told once; whoever goes by the revision from before has to look again.
    assert enabled[1].revision > enabled[0].revision
    assert (await system.verify(OLD)).sub == ada.sub


def overtaken(system: System, change: Callable[[], Awaitable[object]]) -> None:
    """Let something else be done between an account is read and what rests on that."""
    read = system.store.password_of

    async def overtaken(sub: str) -> Password | None:
        found = await read(sub)
        system.store.password_of = read  # type: ignore[method-assign]
        await change()
        return found

    system.store.password_of = overtaken  # type: ignore[method-assign]


async def test_whoever_enables_what_another_does_at_once_has_it_done(
    system: System, accounts: Accounts
) -> None:
    ada = await system.enroll()
    enable = EnableAccount(sub=ada.sub, by=ADMIN)
    shut = await accounts.disable(DisableAccount(sub=ada.sub))
    overtaken(system, lambda: accounts.enable(enable))
    enabled = await accounts.enable(enable)
    assert (enabled.disabled, enabled.revision) == (False, shut.revision + 1)
    assert enabled == await accounts.read(ReadAccount(sub=ada.sub))
    assert audited(system) == [("enable-user", ada.sub, "root")]
    # Of one that is open already, too: either way it has a revision that is new.
    overtaken(system, lambda: system.change(ada.sub))
    assert (await accounts.enable(enable)).revision == enabled.revision + 1


async def test_a_change_that_was_lost_with_its_member_has_enabled_nothing(
    system: System, accounts: Accounts
) -> None:
    ada = await system.enroll()
    before, run = await accounts.read(ReadAccount(sub=ada.sub)), system.store.in_transaction

    async def lost(_work: object) -> NoReturn:
        system.store.in_transaction = run  # type: ignore[method-assign]
        raise PasswordChangedMeanwhile

    system.store.in_transaction = lost  # type: ignore[method-assign,assignment]
    enabled = await accounts.enable(EnableAccount(sub=ada.sub))
    assert enabled.revision == before.revision + 1
    assert enabled == await accounts.read(ReadAccount(sub=ada.sub))


async def test_whoever_enables_what_another_shuts_meanwhile_enables_it_after_that(
    system: System, accounts: Accounts
) -> None:
    ada = await system.enroll()
    enable, disable = EnableAccount(sub=ada.sub), DisableAccount(sub=ada.sub)
    overtaken(system, lambda: accounts.disable(disable))
    assert not (await accounts.enable(enable)).disabled
    assert not (await accounts.read(ReadAccount(sub=ada.sub))).disabled
    overtaken(system, lambda: accounts.disable(DisableAccount(sub=ada.sub, deleted=True)))
    with pytest.raises(NotFound):
        await accounts.enable(enable)


async def test_an_account_says_when_its_password_was_set(
    system: System, accounts: Accounts
) -> None:
    ada = await system.enroll()
    asked, first = ReadAccount(sub=ada.sub), system.clock.now()
    system.clock.advance(60)
    await accounts.disable(DisableAccount(sub=ada.sub))
    await accounts.enable(EnableAccount(sub=ada.sub))
    await accounts.require_change(RequirePasswordChange(sub=ada.sub))
    assert (await accounts.read(asked)).password_set_at == first
    await system.change(ada.sub)
    assert (await accounts.read(asked)).password_set_at == system.clock.now()


async def test_an_account_without_a_password_says_of_none_when_it_was_set(
    system: System, accounts: Accounts
) -> None:
    await system.passwords.enroll(EnrollAccount(sub="bo", user_id="bo@example.org"))
    assert (await accounts.read(ReadAccount(sub="bo"))).password_set_at is None


async def test_an_account_is_deleted_as_it_was_seen_or_not_at_all(
    system: System, accounts: Accounts
) -> None:
    ada = await system.enroll()
    seen = await accounts.read(ReadAccount(sub=ada.sub))
    deletion = DisableAccount(sub=ada.sub, deleted=True, revision=seen.revision, by=ADMIN)
    await accounts.enable(EnableAccount(sub=ada.sub))
    with pytest.raises(ChangedMeanwhile):
        await accounts.disable(deletion)
    assert not (await accounts.read(ReadAccount(sub=ada.sub))).disabled
    seen = await accounts.read(ReadAccount(sub=ada.sub))
    first = await accounts.disable(deletion.model_copy(update={"revision": seen.revision}))
    # The same call again finds it done.
    assert await accounts.disable(deletion.model_copy(update={"revision": seen.revision})) == first


async def test_a_sign_in_that_read_the_account_before_it_was_disabled_comes_to_nothing(
    system: System, accounts: Accounts
) -> None:
    ada = await system.enroll()
    before = await system.store.password_of(ada.sub)

    async def as_it_was(user_id: str) -> Password | None:
        assert user_id == ada.user_id
        return before

    await accounts.disable(DisableAccount(sub=ada.sub))
    system.store.password_named = as_it_was  # type: ignore[method-assign]
    await refusal_of(system)


async def test_a_user_id_is_free_again_only_long_after_its_user_was_deleted(
    system: System, accounts: Accounts
) -> None:
    ada = await system.enroll()
    deleted = await accounts.disable(DisableAccount(sub=ada.sub, deleted=True, by=ADMIN))
    assert deleted.deleted
    assert deleted.disabled
    await refusal_of(system)
    with pytest.raises(NotFound):
        await accounts.enable(EnableAccount(sub=ada.sub))
    successor = EnrollAccount(sub="successor", user_id=ada.user_id, password=SecretStr(NEW))
    system.clock.advance(DeletedDays * 24 * 3600 - 60)
    with pytest.raises(UserExists):
        await system.passwords.enroll(successor)
    system.clock.advance(120)
    await system.passwords.enroll(successor)
    assert (await system.verify(NEW)).sub == "successor"
    assert (await accounts.read(ReadAccount(sub=ada.sub))).deleted


async def test_a_disabled_account_can_be_deleted_as_well(
    system: System, accounts: Accounts
) -> None:
    ada = await system.enroll()
    disabled = await accounts.disable(DisableAccount(sub=ada.sub))
    deleted = await accounts.disable(DisableAccount(sub=ada.sub, deleted=True))
    assert deleted.revision > disabled.revision
    causes = [
        each.payload.cause
        for each in system.epochs.outbox.values()
        if isinstance(each, AccountDisabled)
    ]
    assert causes == ["account-disabled", "account-deleted"]


async def test_a_temporary_password_that_is_made_up_is_said_and_ends_what_is_open(
    system: System, accounts: Accounts
) -> None:
    ada = await system.enroll()
    given = await accounts.set_temporary(SetTemporaryPassword(sub=ada.sub, by=ADMIN))
    assert given.password is not None
    await refusal_of(system)
    verified = await system.verify(given.password.get_secret_value())
    assert (verified.must_change, verified.epoch) == (True, 2)
    (told,) = (e for e in system.epochs.outbox.values() if isinstance(e, CredentialChange))
    assert (told.id, told.payload.cause, told.payload.by, told.initiating_entity) == (
        given.receipt,
        "password-set-by-admin",
        "root",
        "admin",
    )
    assert audited(system) == [("set-temporary-password", ada.sub, "root")]
    another = await accounts.set_temporary(SetTemporaryPassword(sub=ada.sub, by=ADMIN))
    assert another.password != given.password


async def test_a_temporary_password_that_is_given_follows_the_rules_and_is_not_said_again(
    system: System, accounts: Accounts
) -> None:
    ada = await system.enroll()
    words = Words(own=("violet otter counts ten lamps",))
    for bad in ("short", "violet otter counts ten lamps"):
        with pytest.raises(PasswordRefused):
            await accounts.set_temporary(
                SetTemporaryPassword(sub=ada.sub, password=SecretStr(bad), words=words)
            )
    assert system.epochs.current(ada.sub) == 1
    given = await accounts.set_temporary(SetTemporaryPassword(sub=ada.sub, password=SecretStr(NEW)))
    assert given.password is None
    assert (await system.verify(NEW)).must_change


async def test_a_temporary_password_lets_nobody_into_a_disabled_account(
    system: System, accounts: Accounts
) -> None:
    ada = await system.enroll()
    await accounts.disable(DisableAccount(sub=ada.sub))
    await accounts.set_temporary(SetTemporaryPassword(sub=ada.sub, password=SecretStr(NEW)))
    await refusal_of(system, NEW)
    assert (await accounts.read(ReadAccount(sub=ada.sub))).disabled


async def test_nobody_is_not_found(accounts: Accounts) -> None:
    for asked in (
        accounts.read(ReadAccount(sub="nobody")),
        accounts.disable(DisableAccount(sub="nobody")),
        accounts.enable(EnableAccount(sub="nobody")),
        accounts.set_temporary(SetTemporaryPassword(sub="nobody")),
    ):
        with pytest.raises(NotFound):
            await asked
