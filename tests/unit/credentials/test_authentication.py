"""Who somebody is, or that they are not."""

import asyncio
from dataclasses import replace

import pytest

from services.credentials.errors import SignInRefused, SignInThrottled
from services.credentials.method import Method
from services.credentials.methods import Changed, SecurityInfo
from services.credentials.model import Password
from shared.contracts.epochs import Standing
from tests.memory.credentials import MemoryMethods
from tests.unit.credentials.system import NEW, OLD, System


async def test_the_right_password_tells_who_it_is_and_under_which_epoch(system: System) -> None:
    ada = await system.enroll()
    verified = await system.verify(OLD)
    assert (verified.sub, verified.epoch, verified.must_change) == (ada.sub, 1, False)


@pytest.mark.parametrize(
    "user_id", ["ADA@example.org", " ada@example.org ", "\uff41da@example.org"]
)
async def test_a_user_id_may_be_spelt_in_any_way(system: System, user_id: str) -> None:
    ada = await system.enroll()
    assert (await system.verify(OLD, user_id)).sub == ada.sub


async def test_a_password_may_be_typed_composed_or_decomposed(system: System) -> None:
    await system.enroll(password="gr\u00fcne B\u00f6en im M\u00e4rz")
    await system.verify("gru\u0308ne Bo\u0308en im Ma\u0308rz")


async def test_a_wrong_password_and_an_unknown_user_are_refused_alike(system: System) -> None:
    await system.enroll()
    refusals = []
    for user_id in ("ada@example.org", "nobody@example.org"):
        with pytest.raises(SignInRefused) as refused:
            await system.verify("wrong", user_id)
        refusals.append((type(refused.value), refused.value.body(), refused.value.retry_after))
    assert refusals[0] == refusals[1]


@pytest.mark.asvs("6.2.8")
@pytest.mark.parametrize("guess", ["", "\0", "\ud800", " " + OLD, OLD + " ", OLD.upper(), OLD[:-1]])
async def test_what_is_nearly_right_is_wrong(system: System, guess: str) -> None:
    await system.enroll()
    with pytest.raises(SignInRefused):
        await system.verify(guess)


async def test_an_account_without_a_password_is_refused_whatever_is_guessed(
    system: System,
) -> None:
    ada = await system.enroll()
    system.store.passwords[ada.sub] = replace(ada, verifier=None)
    for guess in ("", "\0", "None", OLD):
        with pytest.raises(SignInRefused):
            await system.verify(guess)


@pytest.mark.asvs("6.4.1")
async def test_a_temporary_password_has_to_be_changed(system: System) -> None:
    await system.enroll(temporary=True)
    assert (await system.verify(OLD)).must_change


async def test_unknown_users_are_locked_like_known_ones(system: System) -> None:
    await system.enroll()
    for user_id in ("ada@example.org", "nobody@example.org"):
        for number in range(10):
            with pytest.raises(SignInRefused):
                await system.verify(f"wrong {number}", user_id)
        with pytest.raises(SignInThrottled) as refused:
            await system.verify(OLD, user_id)
        assert refused.value.retry_after == 60


@pytest.mark.asvs("6.3.1")
async def test_one_counter_counts_however_a_user_id_is_spelt(system: System) -> None:
    await system.enroll()
    spellings = ["ada@example.org", "ADA@EXAMPLE.ORG", " ada@example.org", "\uff41da@example.org"]
    for number in range(10):
        with pytest.raises(SignInRefused):
            await system.verify(f"wrong {number}", spellings[number % 4])
    with pytest.raises(SignInThrottled):
        await system.verify(OLD)


async def test_a_known_device_signs_in_while_others_are_locked_out(system: System) -> None:
    ada = await system.enroll()
    for number in range(10):
        with pytest.raises(SignInRefused):
            await system.verify(f"wrong {number}", address=f"198.51.100.{number}")
    with pytest.raises(SignInThrottled):
        await system.verify(OLD)
    assert (await system.verify(OLD, familiar_sub=ada.sub)).sub == ada.sub


async def test_somebody_elses_device_is_no_known_device(system: System) -> None:
    await system.enroll()
    eve = await system.enroll("eve@example.org", NEW)
    for number in range(10):
        with pytest.raises(SignInRefused):
            await system.verify(f"wrong {number}")
    with pytest.raises(SignInThrottled):
        await system.verify(OLD, familiar_sub=eve.sub)


async def test_guesses_from_a_known_device_are_bounded_too(system: System) -> None:
    ada = await system.enroll()
    for number in range(10):
        with pytest.raises(SignInRefused):
            await system.verify(f"wrong {number}", familiar_sub=ada.sub)
    with pytest.raises(SignInThrottled):
        await system.verify(OLD, familiar_sub=ada.sub)


@pytest.mark.asvs("6.3.1")
async def test_of_two_hundred_guesses_at_once_ten_are_evaluated(system: System) -> None:
    await system.enroll()
    outcomes = await asyncio.gather(
        *(system.verify(f"wrong {number}", address=f"a{number}") for number in range(200)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, SignInRefused) for each in outcomes) == 10
    assert sum(isinstance(each, SignInThrottled) for each in outcomes) == 190


async def test_a_password_changed_while_it_was_tried_is_refused(system: System) -> None:
    ada = await system.enroll()
    original = system.store.standing_of

    async def changed_meanwhile(sub: str) -> Standing:
        await system.change(sub)
        return await original(sub)

    system.store.standing_of = changed_meanwhile  # type: ignore[method-assign]
    with pytest.raises(SignInRefused):
        await system.verify(OLD)
    assert system.store.passwords[ada.sub].version == 2


async def test_a_password_without_an_epoch_is_refused(system: System) -> None:
    ada = await system.enroll()
    del system.epochs.epochs[ada.sub]
    with pytest.raises(SignInRefused):
        await system.verify(OLD)


async def test_an_outdated_verifier_is_made_anew_at_the_next_sign_in(system: System) -> None:
    ada = await system.enroll()
    stronger = system.raised()
    old_authentication = system.authentication
    system.authentication = replace(old_authentication, hasher=stronger)
    await system.verify(OLD)
    rehashed = system.store.passwords[ada.sub]
    assert rehashed.verifier != ada.verifier
    assert rehashed.verifier is not None
    assert not stronger.outdated(rehashed.verifier)
    assert rehashed == replace(ada, verifier=rehashed.verifier)
    await system.verify(OLD)
    assert system.store.passwords[ada.sub] == rehashed
    stronger.close()


async def test_a_wrong_guess_rehashes_nothing(system: System) -> None:
    ada = await system.enroll()
    stronger = system.raised()
    system.authentication = replace(system.authentication, hasher=stronger)
    with pytest.raises(SignInRefused):
        await system.verify("wrong")
    assert system.store.passwords[ada.sub] == ada
    stronger.close()


async def test_no_counter_holds_a_name_or_a_password(system: System) -> None:
    await system.enroll()
    with pytest.raises(SignInRefused):
        await system.verify("a password that was mistyped")
    kept = repr((system.guesses.by_key, system.counters.counters))
    for secret in ("ada", "mistyped", "192.0.2.7"):
        assert secret not in kept


async def test_nobody_is_not_an_account(system: System) -> None:
    # The name that stands for an unknown user is nobody's, even when somebody is called so.
    nobody = Password("nobody", "nobody", None, False, 1, system.clock.now())
    await system.store.in_transaction(lambda tx: tx.open_account(nobody))
    with pytest.raises(SignInRefused):
        await system.verify(OLD, "unknown@example.org", familiar_sub="nobody")


@pytest.mark.asvs("6.2.10")
async def test_a_password_does_not_run_out(system: System) -> None:
    ada = await system.enroll()
    system.clock.advance(10 * 366 * 24 * 3600)
    verified = await system.verify(OLD)
    assert (verified.sub, verified.must_change) == (ada.sub, False)


class Looked(MemoryMethods):
    """Methods of everybody, and who was looked up after what."""

    reads: list[str]

    async def security_info(self, sub: str) -> SecurityInfo:
        self.reads.append("methods")
        return await super().security_info(sub)


def looking(system: System) -> tuple[System, Looked]:
    methods = Looked(system.epochs)
    methods.reads = []
    standing_of = system.store.standing_of

    async def noted(sub: str) -> Standing:
        standing = await standing_of(sub)
        methods.reads.append("standing")
        return standing

    system.store.standing_of = noted  # type: ignore[method-assign]
    return replace(system, authentication=replace(system.authentication, methods=methods)), methods


@pytest.mark.parametrize("user_id", ["ada@example.org", "nobody@example.org"])
async def test_the_same_is_read_for_whoever_is_refused(system: System, user_id: str) -> None:
    await system.enroll()
    system, methods = looking(system)
    with pytest.raises(SignInRefused):
        await system.verify("wrong", user_id)
    assert methods.reads == ["standing"]


async def test_whoever_is_found_guarded_is_asked_for_what_guards_them(system: System) -> None:
    """A factor that comes meanwhile is not missed, and one that is not seen yet is not asked."""
    ada = await system.enroll()
    system, methods = looking(system)
    phone = Method("phone", "authenticator", "Phone", system.clock.now(), proved=True)
    guarded = replace(SecurityInfo(ada.sub), methods=(phone,), default="phone")
    event = Changed(guarded, phone, "create").event(ada.sub, at=system.clock.now())
    await methods.put(guarded, event)
    assert [each.id for each in (await system.verify(OLD)).methods] == ["phone"]
    assert methods.reads == ["standing", "methods"]
    system.epochs.guarded[ada.sub] = False
    assert (await system.verify(OLD)).methods == ()
