"""Resetting a forgotten password, through the gateway."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr

from services.credentials.reset_limits import RequestsOfAddress
from services.gateway.model import Challenged, FlowKey, SignedIn
from shared.contracts.events import Audited
from shared.contracts.methods import Kind, Method
from shared.contracts.refusals import Refusal
from shared.contracts.resets import ResetState
from shared.contracts.users import RecordChanges
from tests.contract.http.gateway import NEW, OLD, WHERE, Gateway, refused
from tests.contract.http.resetting import NUMBER, WRONG, Kim

Spoil = Callable[[Kim], Awaitable[object]]


@pytest.fixture
async def kim(gateway: Gateway) -> Kim:
    kim = Kim(gateway, await gateway.add("kim"))
    await kim.policy()
    return kim


async def shut(kim: Kim, key: FlowKey) -> None:
    """Assert that a reset is one of those that lead to the helpdesk."""
    state = await kim.state(key)
    told = (state.state, state.methods, state.proofs_needed, state.asked)
    assert told == ("contact-helpdesk", (), 0, None)


async def test_a_forgotten_password_is_reset_by_a_code_sent_by_mail(kim: Kim) -> None:
    mail = await kim.adds()
    key = await kim.begins()
    state = await kim.state(key)
    assert (state.state, state.proofs_needed) == ("choose-method", 1)
    assert [(each.id, each.kind, each.hint) for each in state.methods] == [
        (mail.id, "email", "k…@mail.example")
    ]
    chosen = await kim.choose(key, mail)
    assert (chosen.state, chosen.asked) == ("answer", mail.id)
    assert (await kim.answer(key, kim.code())).state == "new-password"
    revoked = await kim.finish(key)
    assert (await kim.state(key)).state == "done"
    receipt = await kim.gateway.account.receipt(None, revoked.receipt, revoked.receipt_token)
    assert receipt.cause == "password-reset"
    assert (await refused(kim.gateway.begin("kim", OLD))).type == "sign-in-refused"
    assert isinstance(await kim.gateway.begin("kim", NEW), SignedIn)


async def test_whoever_resets_a_password_is_signed_in_nowhere_and_older_sessions_end(
    kim: Kim,
) -> None:
    mail, caller = await kim.adds(), await kim.caller()
    key = await kim.begins()
    await kim.proves(key, mail)
    sessions = len(kim.memory.sessions.kept)
    revoked = await kim.finish(key)
    assert len(kim.memory.sessions.kept) == sessions
    accepted = kim.gateway.acceptance.accept(caller.token, WHERE)
    assert (await refused(accepted)).type == "session-revoked"
    (told,) = kim.resets_told
    assert (told.initiating_entity, told.payload.epoch) == ("user", revoked.epoch)
    (entry,) = entries(kim, "reset-password")
    assert (entry.subject, entry.payload.actor) == (caller.sub, caller.sub)
    assert (entry.payload.organization, entry.payload.outcome) == ("halden", "done")


@pytest.mark.asvs("6.4.3")
async def test_a_reset_weakens_no_second_factor(kim: Kim) -> None:
    mail, number = await kim.adds(), await kim.adds(NUMBER, "sms")
    before = kim.memory.methods.by_sub[kim.person.sub].methods
    key = await kim.begins()
    await kim.proves(key, mail)
    await kim.finish(key)
    after = kim.memory.methods.by_sub[kim.person.sub].methods
    assert [each.id for each in after] == [each.id for each in before]
    waiting = await kim.gateway.begin("kim", NEW)
    assert isinstance(waiting, Challenged)
    assert waiting.asked.id == number.id


async def test_a_reset_may_reuse_the_current_password(kim: Kim) -> None:
    mail = await kim.adds()
    key = await kim.begins()
    await kim.proves(key, mail)
    await kim.finish(key, OLD)
    assert isinstance(await kim.gateway.begin("kim", OLD), SignedIn)


async def test_a_weak_new_password_is_refused_and_another_one_taken(kim: Kim) -> None:
    mail = await kim.adds()
    key = await kim.begins()
    await kim.proves(key, mail)
    refusal = await refused(kim.finish(key, "kim"))
    assert refusal.type == "password-refused"
    assert {"too-short", "too-guessable"} <= {each["reason"] for each in refusal.errors}
    assert (await kim.state(key)).state == "new-password"
    await kim.finish(key)


async def test_a_reset_unlocks_a_locked_account(kim: Kim) -> None:
    mail = await kim.adds()
    for guess in range(10):
        await refused(kim.gateway.begin("kim", f"guess {guess}"))
    assert (await refused(kim.gateway.begin("kim", OLD))).type == "sign-in-throttled"
    key = await kim.begins()
    await kim.proves(key, mail)
    await kim.finish(key)
    assert isinstance(await kim.gateway.begin("kim", NEW), SignedIn)


async def test_a_user_without_a_password_yet_can_reset_it(kim: Kim) -> None:
    mail = await kim.adds()
    accounts = kim.memory.credentials.passwords
    object.__setattr__(accounts[kim.person.sub], "verifier", None)
    key = await kim.begins()
    await kim.proves(key, mail)
    await kim.finish(key)
    assert isinstance(await kim.gateway.begin("kim", NEW), SignedIn)


# Who cannot reset a password by themselves: every reason looks the same.


async def _nobody(kim: Kim) -> None:
    kim.user_id = "somebody@halden.example"


async def _not_enabled(kim: Kim) -> None:
    await kim.adds()
    await kim.policy(enabled_for="nobody")


async def _not_in_the_group(kim: Kim) -> None:
    await kim.adds()
    await kim.policy(enabled_for="groups", groups=("pilots",))


async def _disabled(kim: Kim) -> None:
    await kim.adds()
    accounts = kim.memory.credentials.passwords
    accounts[kim.person.sub] = accounts[kim.person.sub].shut("receipt", deleted=False)


async def _no_method(kim: Kim) -> None:
    await kim.policy()


async def _locked(kim: Kim) -> None:
    key = await kim.begins() if await kim.adds() else None
    assert key is not None
    await kim.choose(key, (await kim.state(key)).methods[0].id)
    await kim.fails(key, 5)


async def _throttled(kim: Kim) -> None:
    await kim.adds()
    for _ in range(RequestsOfAddress):
        await kim.begins()


REASONS = {
    _nobody: "unknown",
    _not_enabled: "not-enabled",
    _not_in_the_group: "not-enabled",
    _disabled: "disabled",
    _no_method: "not-registered",
    _locked: "locked",
    _throttled: "throttled",
}


def entries(kim: Kim, action: str) -> list[Audited]:
    """Return what the audit trail was told of one action."""
    told = (each for each in kim.memory.epochs.outbox.values() if isinstance(each, Audited))
    return [each for each in told if each.payload.action == action]


def audited(kim: Kim) -> list[tuple[str, str, str | None, str | None]]:
    """Return what the audit trail was told of refusals: of whom, where, by whom and why."""
    return [
        (each.subject, each.payload.organization, each.payload.actor, each.payload.reason)
        for each in entries(kim, "reset-refused")
    ]


@pytest.mark.parametrize(("spoil", "reason"), REASONS.items())
async def test_who_cannot_reset_is_led_to_the_helpdesk_and_the_trail_alone_is_told_why(
    kim: Kim, spoil: Spoil, reason: str
) -> None:
    await spoil(kim)
    kim.memory.epochs.outbox.clear()
    key, sent = await kim.begins(), len(kim.memory.carrier.messages)
    await shut(kim, key)
    # Nobody's user ID is in nobody's trail.
    expected = [] if reason == "unknown" else [(kim.person.sub, "halden", None, reason)]
    assert audited(kim) == expected
    for step in (kim.choose(key, "any"), kim.answer(key, WRONG), kim.finish(key)):
        refusal = await refused(step)
        assert (refusal.type, refusal.status) == ("reset-out-of-order", 409)
    await kim.gateway.password_reset.ask_helpdesk(key, WHERE.address)
    await shut(kim, key)
    assert len(kim.memory.carrier.messages) == sent


async def test_the_trail_is_told_the_same_once_an_hour(kim: Kim) -> None:
    kim.memory.epochs.outbox.clear()
    for _ in range(3):
        await kim.begins()
    assert len(audited(kim)) == 1
    kim.memory.clock.advance(3600)
    await kim.begins()
    assert len(audited(kim)) == 2


async def test_members_of_a_group_that_is_enabled_reset_their_password(gateway: Gateway) -> None:
    kim = Kim(gateway, await gateway.add("kim", groups=("crew", "pilots")))
    await kim.policy(enabled_for="groups", groups=("pilots",))
    await kim.adds()
    assert (await kim.state(await kim.begins())).state == "choose-method"


async def test_a_change_of_the_account_tells_nobody_that_there_is_one(kim: Kim) -> None:
    key = await kim.begins()
    await shut(kim, key)
    await kim.adds()
    await kim.policy(methods_required=2)
    await shut(kim, key)


# Registered: how many methods, and which.


@pytest.mark.parametrize(
    ("added", "required", "expected"),
    [
        (("email",), 1, "choose-method"),
        (("authenticator",), 1, "contact-helpdesk"),
        (("email",), 2, "contact-helpdesk"),
        (("email", "email"), 2, "contact-helpdesk"),
        (("email", "authenticator"), 2, "choose-method"),
        (("email", "sms"), 2, "choose-method"),
    ],
)
async def test_registered_means_enough_methods_of_different_kinds_and_more_than_an_authenticator(
    kim: Kim, added: tuple[str, ...], required: int, expected: str
) -> None:
    for number, kind in enumerate(added):
        if kind == "authenticator":
            await kim.adds_authenticator()
        elif kind == "sms":
            await kim.adds(NUMBER, "sms")
        else:
            await kim.adds(f"kim{number}@mail.example")
    await kim.policy(methods_required=required)
    state = await kim.state(await kim.begins())
    needed = required if expected == "choose-method" else 0
    assert (state.state, state.proofs_needed) == (expected, needed)


async def test_raising_and_lowering_the_number_of_methods_acts_at_once(kim: Kim) -> None:
    await kim.adds()
    for required, expected in ((1, "choose-method"), (2, "contact-helpdesk"), (1, "choose-method")):
        await kim.policy(methods_required=required)
        assert (await kim.state(await kim.begins())).state == expected


async def test_what_the_policy_for_resets_does_not_allow_is_not_offered(kim: Kim) -> None:
    await kim.adds()
    number = await kim.adds(NUMBER, "sms")
    await kim.policy(methods=("sms",))
    assert [each.id for each in (await kim.state(await kim.begins())).methods] == [number.id]


async def test_an_authenticator_is_not_asked_for_where_one_proof_is_enough(kim: Kim) -> None:
    mail = await kim.adds()
    app = await kim.adds_authenticator()
    key = await kim.begins()
    assert [each.id for each in (await kim.state(key)).methods] == [mail.id]
    assert (await refused(kim.choose(key, app))).type == "not-found"


async def test_admins_always_need_two(gateway: Gateway) -> None:
    kim = Kim(gateway, await gateway.add("kim", roles=("admin",)))
    await kim.policy()
    await kim.adds()
    await shut(kim, await kim.begins())
    await kim.adds(NUMBER, "sms")
    assert (await kim.state(await kim.begins())).proofs_needed == 2


# Proofs: each once, in order, and for nothing else.


async def two(kim: Kim) -> tuple[Method, Method]:
    mail, number = await kim.adds(), await kim.adds(NUMBER, "sms")
    await kim.policy(methods_required=2)
    return mail, number


async def test_two_proofs_are_of_different_kinds(kim: Kim) -> None:
    mail, number = await two(kim)
    key = await kim.begins()
    state = await kim.proves(key, mail)
    assert (state.state, state.proofs_needed) == ("choose-method", 1)
    assert [each.id for each in state.methods] == [number.id]
    assert (await refused(kim.choose(key, mail))).type == "not-found"
    assert (await refused(kim.finish(key))).type == "reset-out-of-order"
    assert (await kim.proves(key, number, NUMBER)).state == "new-password"
    await kim.finish(key)


async def test_an_authenticator_is_one_of_two_and_its_code_works_once(kim: Kim) -> None:
    mail = await kim.adds()
    app = await kim.adds_authenticator()
    await kim.policy(methods_required=2)
    first, second = await kim.begins(), await kim.begins(client="another browser")
    await kim.choose(first, app)
    await kim.choose(second, app)
    code = kim.shown()
    await kim.answer(first, code)
    # The proof has changed the methods, on which the other reset rests.
    assert (await refused(kim.answer(second, code))).type == "reset-ended"
    await kim.proves(first, mail)
    third = await kim.begins()
    await kim.choose(third, app)
    assert (await refused(kim.answer(third, code))).type == "code-used"


async def test_a_recovery_code_is_used_up_by_a_reset(kim: Kim) -> None:
    await kim.adds(NUMBER, "sms")
    made = await kim.gateway.security_info.make_recovery_codes(await kim.caller())
    await kim.policy(methods=("recovery-codes",))
    key = await kim.begins()
    await kim.choose(key, made.id)
    assert (await kim.answer(key, made.codes[0])).state == "new-password"
    await kim.finish(key)
    again = await kim.begins()
    await kim.choose(again, made.id)
    assert (await refused(kim.answer(again, made.codes[0]))).type == "code-refused"


async def test_of_fifty_answers_at_once_one_is_taken_and_none_counts_as_wrong(kim: Kim) -> None:
    mail, _ = await two(kim)
    key = await kim.begins()
    await kim.choose(key, mail)
    code = kim.code()
    came = await asyncio.gather(*(kim.answer(key, code) for _ in range(50)), return_exceptions=True)
    taken = [each for each in came if isinstance(each, ResetState)]
    refusals = {each.type for each in came if isinstance(each, Refusal)}
    assert (len(taken), refusals) == (1, {"reset-out-of-order"})
    assert (await kim.state(key)).proofs_needed == 1
    await kim.choose(key, (await kim.state(key)).methods[0].id)
    await kim.fails(key, 4)
    assert (await kim.state(key)).state == "answer"


@pytest.mark.parametrize("code", ["", "1234567", "123456789", "ééééééééé", "12345678", "٠١٢٣٤٥٦٧"])
async def test_a_code_that_is_none_is_refused_and_changes_nothing(kim: Kim, code: str) -> None:
    mail = await kim.adds()
    key = await kim.begins()
    await kim.choose(key, mail)
    assert (await refused(kim.answer(key, code))).type == "code-refused"
    assert (await kim.answer(key, kim.code())).state == "new-password"


async def test_a_newer_code_ends_the_one_before(kim: Kim) -> None:
    mail = await kim.adds()
    key = await kim.begins()
    await kim.choose(key, mail)
    older = kim.code()
    await kim.choose(key, mail)
    assert (await refused(kim.answer(key, older))).type == "code-refused"
    assert (await kim.answer(key, kim.code())).state == "new-password"


async def test_a_code_works_for_five_minutes(kim: Kim) -> None:
    mail = await kim.adds()
    key = await kim.begins()
    await kim.choose(key, mail)
    kim.memory.clock.advance(301)
    assert (await refused(kim.answer(key, kim.code()))).type == "code-refused"


async def test_a_code_of_another_reset_or_of_a_sign_in_answers_nothing_here(kim: Kim) -> None:
    number = await kim.adds(NUMBER, "sms")
    key, other = await kim.begins(), await kim.begins(client="another browser")
    await kim.choose(key, number)
    await kim.choose(other, number)
    foreign = kim.code(NUMBER)
    assert (await refused(kim.answer(key, foreign))).type == "code-refused"
    await kim.gateway.begin("kim", OLD)
    assert (await refused(kim.answer(key, kim.code(NUMBER)))).type == "code-refused"
    assert (await kim.answer(other, foreign)).state == "new-password"


async def test_steps_out_of_order_are_refused_and_change_nothing(kim: Kim) -> None:
    mail = await kim.adds()
    key = await kim.begins()
    for early in (kim.answer(key, WRONG), kim.finish(key)):
        assert (await refused(early)).type == "reset-out-of-order"
    assert (await kim.proves(key, mail)).state == "new-password"
    for late in (kim.choose(key, mail), kim.answer(key, kim.code())):
        assert (await refused(late)).type == "reset-out-of-order"
    await kim.finish(key)
    for repeated in (kim.choose(key, mail), kim.answer(key, kim.code()), kim.finish(key)):
        assert (await refused(repeated)).type == "reset-out-of-order"
    assert len(kim.resets_told) == 1


async def test_somebody_elses_method_cannot_be_chosen(kim: Kim) -> None:
    await kim.adds()
    lee = Kim(kim.gateway, await kim.gateway.add("lee"))
    caller = await kim.gateway.caller("lee")
    setup = await kim.gateway.security_info.enroll_sent(caller, "email", "lee@mail.example", "en")
    theirs = await kim.gateway.security_info.prove(caller, setup.id, lee.code("lee@mail.example"))
    key, sent = await kim.begins(), len(kim.memory.carrier.messages)
    for unfit in (theirs.id, "no such method"):
        assert (await refused(kim.choose(key, unfit))).type == "not-found"
    assert (await kim.state(key)).state == "choose-method"
    assert len(kim.memory.carrier.messages) == sent


async def test_a_reset_is_for_the_client_that_began_it(kim: Kim) -> None:
    mail = await kim.adds()
    key = await kim.begins()
    stolen = FlowKey(key.id, "another browser")
    for step in (kim.state(stolen), kim.choose(stolen, mail), kim.finish(stolen)):
        refusal = await refused(step)
        assert (refusal.type, refusal.status) == ("reset-ended", 410)


async def test_a_reset_takes_fifteen_minutes_at_most(kim: Kim) -> None:
    mail = await kim.adds()
    key = await kim.begins()
    await kim.proves(key, mail)
    kim.memory.clock.advance(899)
    assert (await kim.state(key)).state == "new-password"
    kim.memory.clock.advance(1)
    for step in (kim.state(key), kim.finish(key)):
        assert (await refused(step)).type == "reset-ended"


# What ends a reset that is half done.


async def _another_policy(kim: Kim) -> None:
    await kim.policy()


async def _another_method(kim: Kim) -> None:
    await kim.adds("other@mail.example")


async def _another_epoch(kim: Kim) -> None:
    await kim.gateway.account.sign_out_everywhere(await kim.caller(), confirmed=True)


async def _another_password(kim: Kim) -> None:
    await kim.gateway.account.change_password(
        await kim.caller(), old=SecretStr(OLD), new=SecretStr("a third one, long enough")
    )


@pytest.mark.parametrize(
    "change", [_another_policy, _another_method, _another_epoch, _another_password]
)
async def test_a_reset_ends_when_what_it_rests_on_changes(kim: Kim, change: Spoil) -> None:
    mail = await kim.adds()
    proved = await kim.begins()
    await kim.proves(proved, mail)
    key = await kim.begins()
    await kim.choose(key, mail)
    code = kim.code()
    await change(kim)
    for step in (kim.state(key), kim.answer(key, code), kim.finish(proved)):
        assert (await refused(step)).type == "reset-ended"
    assert kim.resets_told == []


async def test_a_proof_by_a_method_that_is_not_allowed_any_more_is_worth_nothing(kim: Kim) -> None:
    mail = await kim.adds()
    key = await kim.begins()
    await kim.proves(key, mail)
    admin = await kim.gateway.admin()
    await kim.gateway.policies.put_methods(
        admin, allowed=frozenset({"authenticator"}), second_factor="off", trust_days=0
    )
    assert (await refused(kim.finish(key))).type == "reset-ended"


async def test_of_two_resets_at_once_one_wins(kim: Kim) -> None:
    mail = await kim.adds()
    app_key = await kim.begins()
    await kim.proves(app_key, mail)
    came = await asyncio.gather(*(kim.finish(app_key) for _ in range(5)), return_exceptions=True)
    refusals = {each.type for each in came if isinstance(each, Refusal)}
    assert sum(not isinstance(each, BaseException) for each in came) == 1
    assert refusals <= {"reset-ended", "reset-out-of-order"}
    assert len(kim.resets_told) == 1


async def test_of_a_reset_and_a_change_at_once_one_wins(kim: Kim) -> None:
    mail, caller = await kim.adds(), await kim.caller()
    key = await kim.begins()
    await kim.proves(key, mail)
    change = kim.gateway.account.change_password(
        caller, old=SecretStr(OLD), new=SecretStr("a third one, long enough")
    )
    came = await asyncio.gather(kim.finish(key), change, return_exceptions=True)
    (lost,) = [each for each in came if isinstance(each, Refusal)]
    assert lost.type in {"reset-ended", "password-changed-meanwhile", "wrong-password"}
    assert kim.memory.epochs.epochs[kim.person.sub] == 2


async def test_admins_see_who_has_registered_enough(kim: Kim) -> None:
    admin = await kim.gateway.admin()

    async def seen() -> tuple[bool, bool]:
        for_reset = (await kim.gateway.users.read(admin, kim.person.sub)).for_reset
        return for_reset.enabled, for_reset.registered

    assert await seen() == (True, False)
    await kim.adds()
    assert await seen() == (True, True)
    await kim.policy(methods_required=2)
    assert await seen() == (True, False)
    await kim.policy(enabled_for="groups", groups=("night-shift",))
    assert await seen() == (False, True)


async def test_text_messages_and_calls_to_a_phone_are_one_sort_of_proof(kim: Kim) -> None:
    await kim.policy(methods=("sms", "voice", "email"), methods_required=2)
    text, _ = await kim.adds(NUMBER, "sms"), await kim.adds(NUMBER, "voice")
    await shut(kim, await kim.begins())
    await kim.adds()
    key = await kim.begins()
    state = await kim.proves(key, text, NUMBER)
    assert {each.kind for each in state.methods} == {"email"}


async def test_a_reset_is_over_when_its_owner_becomes_an_admin_or_leaves_the_group(
    kim: Kim,
) -> None:
    admin, mail = await kim.gateway.admin(), await kim.adds()
    users, sub = kim.gateway.users, kim.person.sub
    await users.change(admin, sub, RecordChanges(groups=("night-shift",)))
    await kim.policy(enabled_for="groups", groups=("night-shift",))
    for change in (RecordChanges(roles=("admin",)), RecordChanges(groups=())):
        key = await kim.begins()
        assert (await kim.proves(key, mail)).state == "new-password"
        await users.change(admin, sub, change)
        assert (await refused(kim.finish(key))).type == "reset-ended"
        await users.change(admin, sub, RecordChanges(roles=(), groups=("night-shift",)))
    assert isinstance(await kim.gateway.begin("kim", OLD), SignedIn)


async def test_a_method_that_is_not_allowed_any_more_gives_way_to_others(kim: Kim) -> None:
    number, _ = await kim.adds(NUMBER, "sms"), await kim.adds()
    key = await kim.begins()
    assert (await kim.choose(key, number)).asked == number.id
    admin = await kim.gateway.admin()

    async def allow(*kinds: Kind) -> None:
        await kim.gateway.policies.put_methods(
            admin, allowed=frozenset(kinds), second_factor="off", trust_days=0
        )

    await allow("email")
    state = await kim.state(key)
    assert (state.state, state.asked) == ("choose-method", None)
    assert {each.kind for each in state.methods} == {"email"}
    await allow("passkey")
    await shut(kim, key)
