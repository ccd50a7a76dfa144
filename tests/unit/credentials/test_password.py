"""Setting and changing passwords."""

import asyncio
from dataclasses import replace

import pytest
from pydantic import SecretStr

from services.credentials.errors import (
    PasswordChangedMeanwhile,
    PasswordRefused,
    SignInOutdated,
    SignInRefused,
    SignInThrottled,
    UserExists,
    WrongPassword,
)
from shared.contracts.credentials import (
    CheckPassword,
    EnrollAccount,
    ReplacePassword,
    Words,
)
from shared.contracts.events import CredentialChange
from shared.contracts.sessions import Revoked
from tests.unit.credentials.system import NEW, OLD, System

THIRD = "paper lanterns over the canal"


def reasons(refused: pytest.ExceptionInfo[PasswordRefused]) -> list[str]:
    return [each["reason"] for each in refused.value.errors]


async def replace_temporary(system: System, sub: str, new: str = NEW, *, epoch: int = 1) -> Revoked:
    return await system.passwords.replace_temporary(
        ReplacePassword(sub=sub, epoch=epoch, new_password=SecretStr(new))
    )


@pytest.mark.asvs("6.2.2")
async def test_after_a_change_the_new_password_is_right_and_the_old_is_wrong(
    system: System,
) -> None:
    ada = await system.enroll()
    await system.change(ada.sub)
    assert (await system.verify(NEW)).sub == ada.sub
    with pytest.raises(SignInRefused):
        await system.verify(OLD)


async def test_a_change_raises_the_epoch_and_settles_it_before_it_answers(
    system: System,
) -> None:
    ada = await system.enroll()
    revoked = await system.change(ada.sub)
    assert revoked.epoch == 2
    assert system.epochs.current(ada.sub) == 2
    assert system.epochs.settled == [ada.sub]


async def test_a_change_is_told_by_one_event_without_secrets(system: System) -> None:
    ada = await system.enroll()
    revoked = await system.change(ada.sub)
    (event,) = system.epochs.outbox.values()
    assert isinstance(event, CredentialChange)
    assert (event.subject, event.payload.epoch) == (ada.sub, 2)
    assert event.payload.receipt == revoked.receipt
    told = event.model_dump_json()
    assert revoked.receipt_token not in told
    assert OLD not in told
    assert NEW not in told


@pytest.mark.asvs("6.2.3")
async def test_a_wrong_old_password_changes_nothing(system: System) -> None:
    ada = await system.enroll()
    with pytest.raises(WrongPassword):
        await system.change(ada.sub, old="wrong")
    assert system.store.passwords[ada.sub] == ada
    assert system.epochs.current(ada.sub) == 1
    assert system.epochs.outbox == {}


async def test_the_password_of_nobody_cannot_be_changed(system: System) -> None:
    with pytest.raises(WrongPassword):
        await system.change("nobody")


async def test_a_change_without_a_password_to_begin_with_is_refused(system: System) -> None:
    ada = await system.enroll()
    system.store.passwords[ada.sub] = replace(ada, verifier=None)
    with pytest.raises(WrongPassword):
        await system.change(ada.sub, old="")


@pytest.mark.asvs("6.3.1")
async def test_ten_wrong_old_passwords_lock_the_change_but_not_the_sign_in(
    system: System,
) -> None:
    ada = await system.enroll()
    for number in range(10):
        with pytest.raises(WrongPassword):
            await system.change(ada.sub, old=f"wrong {number}")
    with pytest.raises(SignInThrottled):
        await system.change(ada.sub)
    await system.verify(OLD)


async def test_a_locked_sign_in_does_not_lock_the_change(system: System) -> None:
    ada = await system.enroll()
    for number in range(10):
        with pytest.raises(SignInRefused):
            await system.verify(f"wrong {number}")
    await system.change(ada.sub)


async def test_the_current_password_is_no_new_one(system: System) -> None:
    ada = await system.enroll()
    with pytest.raises(PasswordRefused) as refused:
        await system.change(ada.sub, new=OLD)
    assert reasons(refused) == ["same-as-current"]


async def test_the_current_password_in_another_form_is_no_new_one(system: System) -> None:
    ada = await system.enroll(password="gr\u00fcne B\u00f6en im M\u00e4rz")
    with pytest.raises(PasswordRefused) as refused:
        await system.change(
            ada.sub, "gr\u00fcne B\u00f6en im M\u00e4rz", "gru\u0308ne Bo\u0308en im Ma\u0308rz"
        )
    assert reasons(refused) == ["same-as-current"]


async def test_a_weak_new_password_is_refused_with_every_reason(system: System) -> None:
    ada = await system.enroll()
    with pytest.raises(PasswordRefused) as refused:
        await system.change(ada.sub, new="password1")
    assert reasons(refused) == ["too-short", "breached", "too-guessable"]
    assert system.store.passwords[ada.sub] == ada


async def test_a_history_of_one_lets_a_former_password_come_back(system: System) -> None:
    ada = await system.enroll()
    await system.change(ada.sub)
    await system.change(ada.sub, NEW, OLD)
    await system.verify(OLD)


async def test_a_longer_history_refuses_former_passwords_until_they_are_old_enough() -> None:
    system = System.built(history=2)
    ada = await system.enroll()
    await system.change(ada.sub)
    with pytest.raises(PasswordRefused) as refused:
        await system.change(ada.sub, NEW, OLD)
    assert reasons(refused) == ["used-before"]
    await system.change(ada.sub, NEW, THIRD)
    await system.change(ada.sub, THIRD, OLD)
    system.hasher.close()


async def test_history_is_named_beside_every_other_reason() -> None:
    system = System.built(history=2)
    ada = await system.enroll(password="password1")
    await system.change(ada.sub, "password1", NEW)
    with pytest.raises(PasswordRefused) as refused:
        await system.change(ada.sub, NEW, "password1")
    assert reasons(refused) == ["too-short", "breached", "too-guessable", "used-before"]
    system.hasher.close()


async def test_of_two_changes_at_once_one_holds_and_the_other_is_told(system: System) -> None:
    ada = await system.enroll()
    outcomes = await asyncio.gather(
        system.change(ada.sub, new=NEW), system.change(ada.sub, new=THIRD), return_exceptions=True
    )
    assert sum(isinstance(each, Revoked) for each in outcomes) == 1
    assert sum(isinstance(each, PasswordChangedMeanwhile) for each in outcomes) == 1
    assert system.epochs.current(ada.sub) == 2
    assert len(system.epochs.outbox) == 1


@pytest.mark.asvs("6.4.1")
async def test_a_temporary_password_is_replaced_once_in_the_sign_in_that_proved_it(
    system: System,
) -> None:
    noor = await system.enroll(temporary=True)
    revoked = await replace_temporary(system, noor.sub)
    assert revoked.epoch == 2
    verified = await system.verify(NEW)
    assert not verified.must_change
    with pytest.raises(SignInOutdated):
        await replace_temporary(system, noor.sub, THIRD)
    await system.verify(NEW)


@pytest.mark.asvs("6.4.1")
async def test_a_temporary_password_is_not_replaced_by_itself(system: System) -> None:
    noor = await system.enroll(temporary=True)
    with pytest.raises(PasswordRefused) as refused:
        await replace_temporary(system, noor.sub, OLD)
    assert reasons(refused) == ["same-as-current"]


async def test_an_own_password_is_not_replaced_without_knowing_it(system: System) -> None:
    ada = await system.enroll()
    with pytest.raises(SignInOutdated):
        await replace_temporary(system, ada.sub)
    await system.verify(OLD)


async def test_a_sign_in_that_a_raise_overtook_replaces_nothing(system: System) -> None:
    noor = await system.enroll(temporary=True)
    await system.store.in_transaction(lambda tx: tx.raise_epoch(noor.sub, "signed-out-everywhere"))
    with pytest.raises(SignInOutdated):
        await replace_temporary(system, noor.sub, epoch=1)
    assert system.store.passwords[noor.sub] == noor
    assert system.epochs.current(noor.sub) == 2
    assert system.epochs.outbox == {}


async def test_of_two_replacements_at_once_one_holds(system: System) -> None:
    noor = await system.enroll(temporary=True)
    outcomes = await asyncio.gather(
        replace_temporary(system, noor.sub, NEW),
        replace_temporary(system, noor.sub, THIRD),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Revoked) for each in outcomes) == 1
    assert sum(isinstance(each, SignInOutdated) for each in outcomes) == 1


async def test_nobodys_temporary_password_is_not_replaced(system: System) -> None:
    with pytest.raises(SignInOutdated):
        await replace_temporary(system, "nobody")


async def test_an_account_is_enrolled_with_its_first_password(system: System) -> None:
    asked = EnrollAccount(sub="bob", user_id=" BOB@example.org", password=SecretStr(NEW))
    await system.passwords.enroll(asked)
    verified = await system.verify(NEW, "bob@example.org")
    assert (verified.sub, verified.must_change) == ("bob", True)


async def test_an_account_enrolled_for_good_needs_no_change(system: System) -> None:
    password = SecretStr(NEW)
    asked = EnrollAccount(sub="bob", user_id="bob", password=password, temporary=False)
    await system.passwords.enroll(asked)
    assert not (await system.verify(NEW, "bob")).must_change


async def test_an_account_enrolled_without_a_password_cannot_sign_in(system: System) -> None:
    await system.passwords.enroll(EnrollAccount(sub="bob", user_id="bob"))
    with pytest.raises(SignInRefused):
        await system.verify("", "bob")


@pytest.mark.asvs("6.2.12")
async def test_a_weak_first_password_is_refused_and_leaves_no_account(system: System) -> None:
    asked = EnrollAccount(
        sub="bob",
        user_id="bob.harbour",
        password=SecretStr("bobharbour"),
        words=Words(own=("bob.harbour",)),
    )
    with pytest.raises(PasswordRefused) as refused:
        await system.passwords.enroll(asked)
    assert {"too-short", "contains-your-name"} <= set(reasons(refused))
    assert {each["field"] for each in refused.value.errors} == {"password"}
    assert system.store.passwords == {}


async def test_a_taken_name_is_refused_and_its_account_stays_as_it_is(system: System) -> None:
    ada = await system.enroll()
    for sub, user_id in (("other", "ADA@example.org"), (ada.sub, "other@example.org")):
        with pytest.raises(UserExists):
            await system.passwords.enroll(
                EnrollAccount(sub=sub, user_id=user_id, password=SecretStr(NEW))
            )
    assert list(system.store.passwords.values()) == [ada]


async def test_checking_stores_nothing(system: System) -> None:
    report = await system.passwords.check(CheckPassword(password=SecretStr("password1")))
    assert (report.acceptable, report.score) == (False, 0)
    assert system.store.passwords == {}
    assert system.guesses.by_key == {}


@pytest.mark.parametrize("length", [257, 1024])
async def test_a_password_too_long_for_policy_is_refused_in_words(
    system: System, length: int
) -> None:
    ada = await system.enroll()
    with pytest.raises(PasswordRefused) as refused:
        await system.change(ada.sub, new=(THIRD * 40)[:length])
    assert reasons(refused) == ["too-long"]
