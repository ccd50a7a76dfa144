"""Each change is mailed once, whenever the mail server is there for it."""

from time import monotonic

import pytest

from tests.fault.oracle import Oracle
from tests.fault.ordeal import FAULTS, Ordeal, When
from tests.fault.portal import Portal, becomes


@pytest.mark.parametrize(
    ("fault", "when"), [("mailbox away", "before"), ("mailbox frozen", "during")]
)
async def test_mail_waits_for_its_server_and_goes_out_once(
    portal: Portal, oracle: Oracle, fault: str, when: When
) -> None:
    verdict = await Ordeal(FAULTS[fault], when, seconds=4.0).run(portal, oracle)
    assert verdict.clean, verdict.wrongs


async def test_an_address_that_is_refused_holds_up_nobody(portal: Portal, oracle: Oracle) -> None:
    (nobody,) = await portal.people(1, mail_to="refused@fault.example")
    people = await portal.people(2)
    refused = await portal.change(nobody)
    changes = [await portal.change(user) for user in people]
    notices = oracle.mongo["profile"]["notices"]

    async def is_closed() -> bool:
        found = await notices.find_one({"_id": refused.receipt})
        return found is not None and found.get("outcome") == "undeliverable"

    assert await becomes(is_closed, seconds=20)
    verdict = await oracle.verdict(changes, healed=monotonic())
    assert verdict.clean, verdict.wrongs
