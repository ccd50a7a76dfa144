"""How often a password may be reset, who is told of it, and the policy that says so."""

from services.credentials.reset_limits import HelpOfAddress
from services.gateway.model import Challenged
from shared.contracts.events import Audited, HelpAsked
from tests.contract.http.gateway import OLD, WHERE, refused
from tests.contract.http.resetting import ENABLED, MAIL, NUMBER, Kim
from tests.contract.http.test_password_reset import kim, shut, two

__all__ = ["kim"]
DAY = 24 * 3600


async def test_five_wrong_proofs_lock_for_a_day_and_survive_a_flush(kim: Kim) -> None:
    mail = await kim.adds()
    key = await kim.begins()
    await kim.choose(key, mail)
    code = kim.code()
    await kim.fails(key, 5)
    await shut(kim, key)
    assert (await refused(kim.answer(key, code))).type == "reset-out-of-order"
    kim.memory.clock.advance(DAY - 60)
    await shut(kim, await kim.begins())
    kim.memory.clock.advance(61)
    assert (await kim.state(await kim.begins())).state == "choose-method"


async def test_policy_says_how_many_wrong_proofs_lock_and_for_how_long(kim: Kim) -> None:
    mail = await kim.adds()
    await kim.policy(wrong_proofs=2, lock_hours=3)
    key = await kim.begins()
    await kim.choose(key, mail)
    await kim.fails(key, 2)
    await shut(kim, key)
    kim.memory.clock.advance(3 * 3600 - 60)
    await shut(kim, await kim.begins())
    kim.memory.clock.advance(61)
    assert (await kim.state(await kim.begins())).state == "choose-method"


async def test_fewer_wrong_proofs_than_were_counted_begin_a_count_anew(kim: Kim) -> None:
    mail = await kim.adds()
    key = await kim.begins()
    await kim.choose(key, mail)
    await kim.fails(key, 4)
    await kim.policy(wrong_proofs=2)
    key = await kim.begins()
    await kim.choose(key, mail)
    await kim.fails(key, 1)
    assert (await kim.answer(key, kim.code())).state == "new-password"


async def test_wrong_proofs_are_counted_over_all_resets_and_a_right_one_clears_nothing(
    kim: Kim,
) -> None:
    mail, number = await two(kim)
    for _ in range(2):
        key = await kim.begins()
        await kim.proves(key, mail)
        await kim.choose(key, number)
        await kim.fails(key, 2)
    key = await kim.begins()
    await kim.proves(key, mail)
    await kim.choose(key, number)
    await kim.fails(key, 1)
    await shut(kim, key)


async def test_success_clears_what_was_counted(kim: Kim) -> None:
    mail = await kim.adds()
    for _ in range(2):
        key = await kim.begins()
        await kim.choose(key, mail)
        await kim.fails(key, 4)
        await kim.answer(key, kim.code())
        await kim.finish(key)


async def test_a_sixth_code_to_one_method_in_an_hour_is_not_sent_and_locks(kim: Kim) -> None:
    mail = await kim.adds()
    key = await kim.begins()
    for _ in range(5):
        await kim.choose(key, mail)
    sent = len(kim.memory.carrier.messages)
    refusal = await refused(kim.choose(key, mail))
    assert (refusal.type, refusal.retry_after) == ("too-many-codes", DAY)
    assert len(kim.memory.carrier.messages) == sent
    await shut(kim, key)
    kim.memory.clock.advance(DAY - 60)
    await shut(kim, await kim.begins())


async def test_a_code_that_could_not_be_sent_is_never_sent_late(kim: Kim) -> None:
    mail = await kim.adds()
    key = await kim.begins()
    carrier, sent = kim.memory.carrier, len(kim.memory.carrier.messages)
    carrier.away = True
    assert (await refused(kim.choose(key, mail))).type == "code-not-sent"
    carrier.away = False
    kim.memory.clock.advance(3600)
    assert (await refused(kim.choose(key, mail))).type == "reset-ended"
    assert len(carrier.messages) == sent
    # Nor does it stand in the way of one that is asked for anew.
    await kim.choose(await kim.begins(), mail)
    assert len(carrier.messages) == sent + 1


async def test_policy_says_how_many_messages_there_are(kim: Kim) -> None:
    mail, number = await two(kim)
    await kim.policy(sends_per_hour=2, mails_per_ten_minutes=1, lock_hours=1)
    key = await kim.begins()
    for method in (mail, number, number):
        await kim.choose(key, method)
    assert (await refused(kim.choose(key, mail))).retry_after == 3600
    kim.memory.clock.advance(3601)
    key = await kim.begins()
    for _ in range(2):
        await kim.choose(key, number)
    assert (await refused(kim.choose(key, number))).type == "too-many-codes"


async def test_an_eleventh_mail_in_ten_minutes_is_not_sent_and_locks(kim: Kim) -> None:
    mails = [await kim.adds(f"kim{number}@mail.example") for number in range(3)]
    key = await kim.begins()
    for mail in (*mails, *mails, *mails, mails[0]):
        await kim.choose(key, mail)
    assert (await refused(kim.choose(key, mails[1]))).type == "too-many-codes"
    await shut(kim, await kim.begins())


async def test_codes_of_resets_use_up_none_of_the_owners_own(kim: Kim) -> None:
    number = await kim.adds(NUMBER, "sms")
    key = await kim.begins()
    for _ in range(5):
        await kim.choose(key, number)
    waiting = await kim.gateway.begin("kim", OLD)
    assert isinstance(waiting, Challenged)
    assert waiting.sent is True


# The helpdesk.


async def help_asked(kim: Kim) -> list[str]:
    events = kim.memory.epochs.outbox.values()
    return [each.subject for each in events if isinstance(each, HelpAsked)]


async def test_the_admins_are_told_once_a_day_who_asks_for_help(kim: Kim) -> None:
    for _ in range(3):
        await kim.gateway.password_reset.ask_helpdesk(await kim.begins(), WHERE.address)
    assert await help_asked(kim) == [kim.person.sub]
    kim.memory.clock.advance(DAY)
    await kim.gateway.password_reset.ask_helpdesk(await kim.begins(), WHERE.address)
    assert await help_asked(kim) == [kim.person.sub] * 2


async def test_nobody_is_told_of_a_user_id_that_nobody_has(kim: Kim) -> None:
    key = await kim.begins("somebody@halden.example")
    await kim.gateway.password_reset.ask_helpdesk(key, WHERE.address)
    assert await help_asked(kim) == []


async def test_ten_requests_for_help_a_day_come_from_one_address(kim: Kim) -> None:
    for number in range(HelpOfAddress):
        key = await kim.begins(f"somebody{number}@halden.example")
        await kim.gateway.password_reset.ask_helpdesk(key, "192.0.2.99")
    key = await kim.begins()
    await kim.gateway.password_reset.ask_helpdesk(key, "192.0.2.99")
    assert await help_asked(kim) == []
    assert (await kim.state(key)).state == "contact-helpdesk"


# Mails.


async def test_every_address_is_told_once(kim: Kim) -> None:
    mail = await kim.adds()
    await kim.adds("Kim@halden.example")
    key = await kim.begins()
    await kim.proves(key, mail)
    revoked = await kim.finish(key)
    # What the record has is told by who keeps the record.
    assert [each.id for each in kim.memory.credentials.owed.values()] == [
        f"{revoked.receipt}.{mail.id}"
    ]


async def test_the_mail_with_the_code_says_that_somebody_asks_for_a_reset(kim: Kim) -> None:
    mail = await kim.adds()
    added = kim.memory.carrier.messages[-1].text
    await kim.choose(await kim.begins(), mail)
    told = kim.memory.carrier.messages[-1]
    assert told.to == MAIL
    assert "new password" in told.text
    assert "new password" not in added


# The policy.


async def test_a_policy_is_not_overwritten_unseen_and_every_change_is_audited(kim: Kim) -> None:
    admin, policies = await kim.gateway.admin(), kim.gateway.policies
    seen = (await policies.resets(admin)).version
    await policies.put_resets(admin, ENABLED, (seen,))
    late = policies.put_resets(admin, ENABLED.model_copy(update={"methods_required": 2}), (seen,))
    assert (await refused(late)).type == "changed-meanwhile"
    kept = await policies.resets(admin)
    assert (kept.version, kept.methods_required) == (seen + 1, 1)
    told = [each for each in kim.memory.epochs.outbox.values() if isinstance(each, Audited)]
    assert {(each.payload.actor, each.payload.action) for each in told} == {
        (admin.sub, "replace-policy")
    }
    assert [each.payload.details["version"] for each in told] == [seen, seen + 1]
