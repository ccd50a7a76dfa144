"""A mail server that is away for an hour: every mail goes out once it is back, and once only."""

from collections import Counter

from tests.unit.profile.test_notices import System, changed, signed_out, system

__all__ = ["system"]

HOUR_SECONDS = 3600
BACK_SECONDS = 60
"""The longest pause between two attempts: all that was owed has gone out after it."""


async def passes(system: System, seconds: int) -> None:
    for _ in range(seconds):
        system.clock.advance(1)
        await system.send_all()


async def test_every_mail_goes_out_once_within_a_minute_of_the_servers_return(
    system: System,
) -> None:
    people = [f"person-{number}" for number in range(6)]
    system.mailer.away = True
    system.mailer.refused.add("person-0@example.org")
    for sub in people:
        system.person(sub)
        await system.notices.owe(changed(sub, f"changed-{sub}"))
        await passes(system, HOUR_SECONDS // len(people))
        # The event that comes a second time owes nothing more.
        await system.notices.owe(changed(sub, f"changed-{sub}"))
        await system.notices.owe(signed_out(sub, f"ended-{sub}"))
    assert system.mailer.taken == []
    assert all(each.outcome is None for each in system.store.owed.values())

    system.mailer.away = False
    await passes(system, BACK_SECONDS)
    assert Counter(each.to for each in system.mailer.taken) == {
        f"{sub}@example.org": 2 for sub in people[1:]
    }
    assert len({each.message_id for each in system.mailer.taken}) == 2 * len(people[1:])
    outcomes = {receipt: each.outcome for receipt, each in system.store.owed.items()}
    assert {name for name, each in outcomes.items() if each == "undeliverable"} == {
        "changed-person-0",
        "ended-person-0",
    }
    # What has waited long goes out in the order in which it was owed.
    told = [each.to for each in system.mailer.taken if "changed" in each.message_id]
    assert told[:4] == [f"{sub}@example.org" for sub in people[1:5]]
    await passes(system, HOUR_SECONDS)
    assert len(system.mailer.taken) == 2 * len(people[1:])
