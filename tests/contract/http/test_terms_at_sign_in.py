"""Required terms at a sign-in and in open sessions: who has to accept what first."""

from typing import Any

import pytest
from pydantic import SecretStr

from services.gateway.errors import FlowEnded, FlowOutOfOrder, TermsDeclined, TermsRequired
from services.gateway.model import ActionRequired, Challenged, SignedIn
from services.gateway.sign_in import Outcome
from shared.contracts.refusals import Refusal, Unavailable
from shared.contracts.terms import Document, MissingDocument
from tests.contract.http.gateway import NEW, OLD, WHERE, Gateway, key, refused
from tests.contract.http.test_policy import demand
from tests.contract.http.test_security_info import Kim
from tests.contract.http.test_terms import DAY, Halden, content, halden

__all__ = ["halden"]


def waiting(outcome: Outcome) -> ActionRequired:
    assert isinstance(outcome, ActionRequired)
    assert outcome.action == "accept-terms"
    return outcome


async def accept(halden: Halden, asked: ActionRequired, *named: MissingDocument) -> Outcome:
    pairs = [(each.id, each.version) for each in named or asked.terms]
    return await halden.gateway.terms.at_sign_in.accept(key(asked), pairs, WHERE, ("en",))


async def sign_in(halden: Halden) -> SignedIn:
    outcome = await halden.gateway.begin("kim")
    assert isinstance(outcome, SignedIn)
    return outcome


class Counted:
    """Calls of the profile service, by what was asked."""

    def __init__(self, halden: Halden, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.away = False
        terms = type(halden.gateway.services.terms)
        for name in ("demands", "missing"):
            monkeypatch.setattr(terms, name, self._counting(name, getattr(terms, name)))

    def _counting(self, name: str, call: Any) -> Any:
        async def counted(terms: Any, asked: Any) -> Any:
            self.asked.append(name)
            if self.away:
                raise Unavailable
            return await call(terms, asked)

        return counted


@pytest.fixture
def counted(halden: Halden, monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(halden, monkeypatch)


async def test_what_is_required_is_accepted_before_the_sign_in_is_complete(halden: Halden) -> None:
    document = await halden.publish()
    asked = waiting(await halden.gateway.begin("kim"))
    (named,) = asked.terms
    assert (named.id, named.version, named.title) == (document.id, 1, "House rules")
    (read,) = await halden.gateway.terms.at_sign_in.documents(key(asked), ("de",))
    assert read.text == "# Freundlich sein"
    assert isinstance(await accept(halden, asked), SignedIn)
    await sign_in(halden)


async def test_what_is_not_required_is_not_asked_for(halden: Halden) -> None:
    await halden.publish(required=False)
    await halden.writing.add(halden.admin, content())
    await sign_in(halden)


async def test_until_everything_is_accepted_it_asks_for_the_rest(halden: Halden) -> None:
    await halden.publish()
    await halden.publish()
    asked = waiting(await halden.gateway.begin("kim"))
    first, second = asked.terms
    again = waiting(await accept(halden, asked, first))
    assert again.terms == (second,)
    with pytest.raises(FlowEnded):
        await accept(halden, asked)
    again = waiting(await accept(halden, again, second.model_copy(update={"version": 7})))
    assert isinstance(await accept(halden, again), SignedIn)


async def test_a_version_that_is_overtaken_is_not_accepted(halden: Halden) -> None:
    document = await halden.publish()
    asked = waiting(await halden.gateway.begin("kim"))
    await halden.publish(document)
    again = waiting(await accept(halden, asked))
    assert [each.version for each in again.terms] == [2]
    assert halden.gateway.services.memory.terms.decided == {}
    assert isinstance(await accept(halden, again), SignedIn)


async def test_a_publication_that_overtakes_the_answer_itself_is_asked_for(
    halden: Halden, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = await halden.publish()
    asked = waiting(await halden.gateway.begin("kim"))
    terms = type(halden.gateway.services.terms)
    decide = terms.decide

    async def overtaken(client: Any, decision: Any) -> Any:
        monkeypatch.setattr(terms, "decide", decide)
        await halden.publish(document)
        return await decide(client, decision)

    monkeypatch.setattr(terms, "decide", overtaken)
    again = waiting(await accept(halden, asked))
    assert [each.version for each in again.terms] == [2]


async def test_a_decline_ends_the_sign_in_and_is_kept(halden: Halden) -> None:
    await halden.publish()
    asked = waiting(await halden.gateway.begin("kim"))
    with pytest.raises(TermsDeclined):
        await halden.gateway.terms.at_sign_in.decline(key(asked), WHERE, ("en",))
    with pytest.raises(FlowEnded):
        await accept(halden, asked)
    (kept,) = (await halden.own.history(halden.caller)).items
    assert kept.decision == "declined"
    assert isinstance(await accept(halden, waiting(await halden.gateway.begin("kim"))), SignedIn)


async def test_the_second_factor_comes_first(halden: Halden) -> None:
    kim = Kim(halden.gateway)
    setup = await kim.authenticator(halden.caller)
    await halden.publish()
    challenged = await halden.gateway.begin("kim")
    assert isinstance(challenged, Challenged)
    with pytest.raises(FlowOutOfOrder):
        await halden.gateway.terms.at_sign_in.accept(key(challenged), (), WHERE, ())
    asked = waiting(await kim.answer(challenged, kim.code(setup)))
    done = await accept(halden, asked)
    assert isinstance(done, SignedIn)
    assert done.session.factor == setup.id


async def test_it_stands_between_the_first_password_and_what_is_to_be_registered(
    halden: Halden,
) -> None:
    gateway = halden.gateway
    await demand(gateway, "required")
    await halden.publish()
    await gateway.add("new", temporary=True)
    first = await gateway.begin("new")
    assert isinstance(first, ActionRequired)
    assert first.action == "change-password"
    replaced = gateway.sign_in.replace_temporary_password(key(first), SecretStr(NEW), WHERE)
    asked = waiting(await replaced)
    with pytest.raises(FlowOutOfOrder):
        await gateway.registration.put_off(key(asked), WHERE)
    registering = await accept(halden, asked)
    assert isinstance(registering, ActionRequired)
    assert registering.action == "register-security-info"


async def test_what_is_published_while_a_factor_is_registered_is_asked_for_all_the_same(
    halden: Halden,
) -> None:
    gateway, kim = halden.gateway, Kim(halden.gateway)
    await demand(gateway, "required")
    registering = await gateway.begin("kim")
    assert isinstance(registering, ActionRequired)
    setup = await gateway.registration.begin(key(registering), "Phone")
    await halden.publish()
    proved = gateway.registration.prove(key(registering), setup.id, kim.code(setup), WHERE)
    assert isinstance(await accept(halden, waiting(await proved)), SignedIn)


async def test_an_acceptance_that_is_over_is_asked_for_at_the_next_sign_in(halden: Halden) -> None:
    document = await halden.publish(valid_days=7)
    await halden.accept(document)
    await sign_in(halden)
    halden.gateway.services.memory.clock.advance(7 * DAY)
    waiting(await halden.gateway.begin("kim"))


async def test_a_sign_in_without_required_terms_asks_for_nothing_more(
    halden: Halden, counted: Counted
) -> None:
    halden.gateway.services.memory.clock.advance(2)
    for _ in range(3):
        await sign_in(halden)
    assert counted.asked == ["demands"]


async def test_who_has_accepted_is_asked_about_once(halden: Halden, counted: Counted) -> None:
    document = await halden.publish()
    await halden.accept(document)
    for _ in range(3):
        await sign_in(halden)
    assert counted.asked == ["demands", "missing"]
    await halden.publish(document)
    waiting(await halden.gateway.begin("kim"))


async def test_what_cannot_be_asked_for_is_not_passed_over(
    halden: Halden, counted: Counted
) -> None:
    document = await halden.publish()
    waiting(await halden.gateway.begin("kim"))
    counted.away = True
    halden.gateway.services.memory.clock.advance(2)
    assert (await refused(halden.gateway.begin("kim"))).type == "service-unavailable"
    counted.away = False
    await halden.accept(document)
    await sign_in(halden)
    counted.away = True
    halden.gateway.services.memory.clock.advance(2)
    await sign_in(halden)


async def test_where_nothing_was_required_lately_a_service_that_is_away_keeps_nobody_out(
    halden: Halden, counted: Counted
) -> None:
    await sign_in(halden)
    counted.away, clock = True, halden.gateway.services.memory.clock
    clock.advance(290)
    await sign_in(halden)
    clock.advance(20)
    assert (await refused(halden.gateway.begin("kim"))).type == "service-unavailable"


async def test_a_code_is_not_used_up_while_it_cannot_be_asked(
    halden: Halden, counted: Counted
) -> None:
    kim, clock = Kim(halden.gateway), halden.gateway.services.memory.clock
    setup = await kim.authenticator(halden.caller)
    challenged = await halden.gateway.begin("kim")
    assert isinstance(challenged, Challenged)
    counted.away = True
    clock.advance(301)
    code = kim.code(setup)
    assert (await refused(kim.answer(challenged, code))).type == "service-unavailable"
    counted.away = False
    assert isinstance(await kim.answer(challenged, code), SignedIn)


async def check(halden: Halden, gateway: Gateway | None = None) -> None:
    required = (gateway or halden.gateway).required_terms
    await required.check(halden.caller, ("en",))


async def at_once(halden: Halden) -> Document:
    return await halden.publish(re_accept="at-once")


async def test_what_is_to_be_accepted_at_once_stops_open_sessions(halden: Halden) -> None:
    await check(halden)
    document = await at_once(halden)
    with pytest.raises(TermsRequired) as stopped:
        await check(halden)
    assert stopped.value.extra["terms"] == [
        {"id": document.id, "version": 1, "title": "House rules"}
    ]
    await halden.accept(document)
    await check(halden)


async def test_other_replicas_know_within_a_second(halden: Halden) -> None:
    other = Gateway(halden.gateway.services)
    await check(halden, other)
    document = await at_once(halden)
    with pytest.raises(TermsRequired):
        await check(halden, other)
    await halden.accept(document)
    await check(halden, other)


async def test_what_waits_for_the_next_sign_in_stops_no_session(halden: Halden) -> None:
    document = await at_once(halden)
    await halden.accept(document)
    await halden.publish(document, re_accept="next-sign-in")
    await check(halden)
    await halden.publish(required=False, re_accept="at-once")
    await check(halden)
    waiting(await halden.gateway.begin("kim"))


async def test_an_open_session_costs_no_call_per_request(halden: Halden, counted: Counted) -> None:
    document = await at_once(halden)
    await halden.accept(document)
    for _ in range(5):
        await check(halden)
    assert counted.asked == ["demands", "missing"]


async def test_while_the_service_is_away_sessions_go_by_what_was_known(
    halden: Halden, counted: Counted
) -> None:
    await check(halden)
    counted.away, clock = True, halden.gateway.services.memory.clock
    clock.advance(2)
    before = len(counted.asked)
    for _ in range(3):
        await check(halden)
    # One request has waited for it, and the others of that second have not.
    assert len(counted.asked) == before + 1
    counted.away = False
    await at_once(halden)
    with pytest.raises(TermsRequired):
        await check(halden)
    counted.away = True
    clock.advance(2)
    with pytest.raises(Unavailable):
        await check(halden)


async def test_another_organization_requires_nothing_of_others(halden: Halden) -> None:
    await at_once(halden)
    gateway = halden.gateway
    await gateway.add("zoe", organization="elsewhere")
    zoe = await gateway.caller("zoe", OLD)
    await gateway.required_terms.check(zoe, ())


async def test_nothing_is_decided_with_a_password_that_was_changed_meanwhile(
    halden: Halden,
) -> None:
    await halden.publish()
    asked = waiting(await halden.gateway.begin("kim"))
    declining = waiting(await halden.gateway.begin("kim"))
    memory = halden.gateway.services.memory
    memory.epochs.raise_(halden.caller.sub, "password-changed", password_version=2)
    with pytest.raises(Refusal) as ended:
        await accept(halden, asked)
    assert (ended.value.type, ended.value.status) == ("flow-ended", 410)
    with pytest.raises(Refusal) as ended:
        await halden.gateway.terms.at_sign_in.decline(key(declining), WHERE, ("en",))
    assert ended.value.type == "flow-ended"
    assert memory.terms.decided == {}
