"""A service may be killed at any step between a change and the last of its effects."""

from time import monotonic

import pytest

from tests.fault.oracle import Oracle
from tests.fault.ordeal import DEATHS, Ordeal, death, together
from tests.fault.portal import GATEWAYS, Kind, Portal

# Services whose work on a change is their own die in the same ordeal: what one of them does when
# it comes back does nothing of the other's work. Whoever signs out everywhere is answered by
# sessions, which then does what credentials does when a password is changed; in the other deaths
# of sessions it only hears of what others did.
Death = tuple[str, str]
_TOGETHER: list[tuple[Kind, tuple[Death, ...]]] = [
    ("password", (("credentials", "before-commit"),)),
    ("password", (("credentials", "after-commit"),)),
    ("password", (("credentials", "before-settle"),)),
    ("password", (("credentials", "after-settle"),)),
    ("password", (("credentials", "before-publish"),)),
    ("password", (("credentials", "after-publish"),)),
    ("password", (("credentials", "after-mark"),)),
    ("password", (("sessions", "before-effect"), ("profile", "before-effect"))),
    ("password", (("sessions", "before-commit"), ("profile", "before-commit"))),
    ("password", (("sessions", "after-commit"), ("profile", "after-commit"))),
    ("password", (("sessions", "before-ack"), ("profile", "before-ack"))),
    ("password", (("sessions", "after-ack"), ("profile", "before-send"))),
    ("password", (("sessions", "after-publish"), ("profile", "after-send"))),
    ("password", (("gateway", "before-call"), ("profile", "after-sent"))),
    ("password", (("gateway", "after-call"),)),
    ("everywhere", (("sessions", "before-commit"),)),
    ("everywhere", (("sessions", "after-commit"),)),
    ("everywhere", (("sessions", "before-settle"),)),
    ("everywhere", (("sessions", "after-settle"),)),
]


def _named(deaths: object) -> str | None:
    return " and ".join(map(" ".join, deaths)) if isinstance(deaths, tuple) else None


def test_every_death_there_is_is_died() -> None:
    assert {each for _, deaths in _TOGETHER for each in deaths} == DEATHS


@pytest.mark.parametrize(("kind", "deaths"), _TOGETHER, ids=_named)
async def test_nothing_is_lost_when_a_service_dies(
    portal: Portal, oracle: Oracle, kind: Kind, deaths: tuple[Death, ...]
) -> None:
    before = {name: _processes(portal, name) for name, _ in deaths}
    everywhere = 1.0 if kind == "everywhere" else 0.0
    fault = together(*(death(*each) for each in deaths))
    ordeal = Ordeal(fault, seconds=10.0, people=2, sessions=2, everywhere=everywhere)
    verdict = await ordeal.run(portal, oracle)
    assert verdict.clean, verdict.wrongs
    for name, processes in before.items():
        assert _processes(portal, name) != processes, name


def _processes(portal: Portal, service: str) -> list[int]:
    # The second gateway reaches the points of the first one too, and may be the one that dies.
    names = GATEWAYS if service == "gateway" else (service,)
    return [portal.stack.pid(each) for each in names]


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
