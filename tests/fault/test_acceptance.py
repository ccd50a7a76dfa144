"""Whatever is done in whatever order, exactly those sessions are accepted that should be.

The set `good` is the whole model of which. When the product disagrees, Hypothesis prints the steps
that led there, as a program.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pymongo import MongoClient

from deploy.local.services import SERVICES
from tests.fault.ordeal import flush
from tests.fault.portal import (
    ACCEPTED,
    GATEWAYS,
    PROBES,
    Kind,
    Portal,
    User,
    WoundableStack,
    becomes,
    sid_of,
)

T = TypeVar("T")
PATIENCE = 15.0
WHO = st.integers(0, 1)
WHICH = st.integers(0, 20)


class Acceptance(RuleBasedStateMachine):
    """Two people, their tokens, and which of these are good."""

    runner: ClassVar[asyncio.Runner]
    portal: ClassVar[Portal]

    def __init__(self) -> None:
        """Make people nobody has seen before."""
        super().__init__()
        self.people: list[User] = self.wait(self.portal.people(2, sessions=1))
        self.good = {token for user in self.people for token in user.tokens}
        self.killed = False

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def token(self, who: int, which: int) -> str:
        tokens = self.people[who].tokens
        return tokens[which % len(tokens)]

    def revoked(self, user: User) -> None:
        self.good -= set(user.tokens)

    @rule(who=WHO)
    def sign_in(self, who: int) -> None:
        reply = self.wait(self.portal.sign_in(self.people[who]))
        assert reply.status == 200, reply
        self.good.add(reply.body["token"])

    @rule(who=WHO, which=WHICH)
    def use(self, who: int, which: int) -> None:
        token = self.token(who, which)
        for gateway in GATEWAYS:
            self.agree(token, gateway)

    @rule(who=WHO, which=WHICH, kind=st.sampled_from(["password", "everywhere"]))
    def change(self, who: int, which: int, kind: Kind) -> None:
        user, token = self.people[who], self.token(who, which)
        old = user.password
        change = self.wait(self.portal.change(user, kind, token=token, patience=PATIENCE))
        assert change.replies[-1].status == (202 if token in self.good else 401), change
        if token in self.good:
            self.revoked(user)
            if kind == "password":
                assert self.wait(self.portal.sign_in(user, old)).status == 401

    @rule(who=WHO, which=WHICH)
    def sign_out(self, who: int, which: int) -> None:
        token = self.token(who, which)
        reply = self.wait(self.portal.ask("POST", "/sign-out", token=token))
        assert reply.status == (204 if token in self.good else 401), reply
        self.good.discard(token)

    @rule(who=WHO, which=WHICH, other=WHICH)
    def end_session(self, who: int, which: int, other: int) -> None:
        token, ended = self.token(who, which), self.token(who, other)
        path = f"/me/sessions/{sid_of(ended)}"
        reply = self.wait(self.portal.ask("DELETE", path, token=token))
        expected = 401 if token not in self.good else 204 if ended in self.good else 404
        assert reply.status == expected, reply
        if token in self.good:
            self.good.discard(ended)

    @rule(who=WHO, which=WHICH)
    def end_somebody_elses_session(self, who: int, which: int) -> None:
        token, other = self.token(who, which), self.token(1 - who, which)
        reply = self.wait(self.portal.ask("DELETE", f"/me/sessions/{sid_of(other)}", token=token))
        assert reply.status == (404 if token in self.good else 401), reply

    @rule(who=WHO, which=WHICH)
    def change_while_somebody_signs_in_with_the_old_password(self, who: int, which: int) -> None:
        user, token = self.people[who], self.token(who, which)
        if token not in self.good:
            return

        async def both() -> None:
            change, signed_in = await asyncio.gather(
                self.portal.change(user, token=token), self.portal.sign_in(user, user.password)
            )
            assert change.replies[-1].status == 202, change
            assert signed_in.status in {200, 401}, signed_in

        self.wait(both())
        self.revoked(user)

    @rule()
    def flush_redis(self) -> None:
        flush(self.portal.stack)

    @precondition(lambda self: not self.killed)
    @rule(name=st.sampled_from(SERVICES))
    def kill_a_service(self, name: str) -> None:
        self.killed = True
        self.portal.stack.kill(name)
        self.wait(self.portal.whole())

    def agree(self, token: str, gateway: str) -> None:
        for probe in range(len(PROBES)):
            reply = self.wait(self.portal.show(token, gateway=gateway, probe=probe))
            assert reply.status in (ACCEPTED if token in self.good else {401}), reply

    def teardown(self) -> None:
        """Compare every token, and then the records."""
        tokens = [token for user in self.people for token in user.tokens]
        for token in tokens:
            self.agree(token, GATEWAYS[0])
        assert self.wait(becomes(self.is_told_by_the_records, seconds=PATIENCE))

    def is_told_by_the_records(self) -> bool:
        query = {"sub": {"$in": [user.sub for user in self.people]}, "ended_by": None}
        with MongoClient[dict[str, Any]](self.portal.stack.mongo_url) as mongo:
            records = mongo["sessions"]["sessions"].find(query)
            return {each["_id"] for each in records} == set(map(sid_of, self.good))


@pytest.fixture
def machine(stack: WoundableStack) -> Iterator[type[Acceptance]]:
    """Give the machine a whole stack to work on."""
    stack.recover()
    with asyncio.Runner() as runner:
        Acceptance.runner, Acceptance.portal = runner, runner.run(Portal(stack).__aenter__())
        yield Acceptance
        runner.run(Acceptance.portal.__aexit__())


def test_exactly_the_sessions_that_should_be_are_accepted(machine: type[Acceptance]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            print_blob=True,
            # A sequence is short as it is; to look for the shortest, add Phase.shrink and wait.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
