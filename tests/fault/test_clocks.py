"""A process whose clock is wrong, or jumps, accepts nothing that has expired or was revoked."""

from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.services import SERVICES
from tests.fault.oracle import Oracle
from tests.fault.ordeal import FAULTS, Ordeal
from tests.fault.portal import ACCEPTED, GATEWAYS, Portal, sid_of


@pytest.mark.parametrize("seconds", ["-300", "+300"])
@pytest.mark.parametrize("service", SERVICES)
async def test_changes_hold_when_a_clock_jumps(
    portal: Portal, oracle: Oracle, service: str, seconds: str
) -> None:
    fault = FAULTS[f"clock of {service} {seconds} s"]
    verdict = await Ordeal(fault, "during", seconds=0.5, people=2).run(portal, oracle)
    assert verdict.clean, verdict.wrongs


@pytest.mark.asvs("7.4.1")
@pytest.mark.parametrize("seconds", [-300, 300])
async def test_what_has_expired_is_refused_by_every_clock(
    portal: Portal, oracle: Oracle, seconds: int
) -> None:
    (user,) = await portal.people(1, sessions=2)
    sessions, (expired, valid) = oracle.mongo["sessions"]["sessions"], user.tokens
    a_minute = timedelta(minutes=1)
    for points in portal.stack.points.values():
        points.set_clock(seconds)
    for token, ends in ((expired, -a_minute), (valid, a_minute)):
        fields = {"expires_at": datetime.now(UTC) + ends}
        await sessions.update_one({"_id": sid_of(token)}, {"$set": fields})
    for gateway in GATEWAYS:
        assert (await portal.show(expired, gateway=gateway)).status == 401
        assert (await portal.show(valid, gateway=gateway)).status in ACCEPTED
