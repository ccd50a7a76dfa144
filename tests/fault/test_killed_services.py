"""A service may be killed at any step between a change and the last of its effects."""

from time import monotonic

import pytest

from tests.fault.oracle import Oracle
from tests.fault.ordeal import DEATHS, Ordeal, death
from tests.fault.portal import GATEWAYS, Kind, Portal

# Whoever signs out everywhere is answered by sessions, which then does what credentials does when
# a password is changed; in the other deaths of sessions it only hears of what others did.
_IN_A_SIGN_OUT = ("before-commit", "after-commit", "before-settle", "after-settle")
_ONLY_IN_A_SIGN_OUT = {("sessions", "before-settle"), ("sessions", "after-settle")}
_DEATHS: list[tuple[str, str, Kind]] = [
    *((*each, "password") for each in sorted(DEATHS - _ONLY_IN_A_SIGN_OUT)),
    *(("sessions", point, "everywhere") for point in _IN_A_SIGN_OUT),
]


@pytest.mark.parametrize(("service", "point", "kind"), _DEATHS)
async def test_nothing_is_lost_when_a_service_dies(
    portal: Portal, oracle: Oracle, service: str, point: str, kind: Kind
) -> None:
    # The second gateway reaches the points of the first one too, and may be the one that dies.
    mortal = GATEWAYS if service == "gateway" else (service,)
    pids = [portal.stack.pid(name) for name in mortal]
    everywhere = 1.0 if kind == "everywhere" else 0.0
    fault = death(service, point)
    ordeal = Ordeal(fault, seconds=10.0, people=2, sessions=2, everywhere=everywhere)
    verdict = await ordeal.run(portal, oracle)
    assert verdict.clean, verdict.wrongs
    assert [portal.stack.pid(name) for name in mortal] != pids


async def test_a_session_whose_sign_in_died_half_way_does_not_stay_open(
    portal: Portal, oracle: Oracle
) -> None:
    (user,) = await portal.people(1, sessions=1)
    async with portal.held("sessions", "before-store", portal.sign_in(user)) as signing_in:
        change = await portal.change(user)
        before = await oracle.verdict([change], healed=monotonic())
        # Nothing of the change is left to be done when the record of the old sign-in is made.
        portal.stack.points["sessions"].arm("after-store")
    assert before.clean, before.wrongs
    assert (await signing_in).status == 503
    verdict = await oracle.verdict([change], healed=await portal.whole())
    assert verdict.clean, verdict.wrongs
