"""An organization's policy through the gateway: what holds at each step, and what overtakes it."""

import asyncio
from typing import Any, get_args

import pytest
from pydantic import SecretStr

from services.gateway.errors import FlowEnded
from services.gateway.model import ActionRequired, Challenged, SignedIn
from services.gateway.sign_in import Outcome
from shared.contracts.events import CredentialChange
from shared.contracts.methods import AuthenticatorSetup, Kind
from shared.contracts.policy import SecondFactor
from shared.contracts.profile import AddPerson
from shared.contracts.refusals import Refusal
from tests.contract.http.gateway import NEW, OLD, WHERE, Gateway, key, refused
from tests.contract.http.test_security_info import Kim

BOTH: frozenset[Kind] = frozenset({"authenticator", "recovery-codes"})


async def demand(
    gateway: Gateway,
    second_factor: SecondFactor = "if-registered",
    allowed: frozenset[Kind] = BOTH,
) -> None:
    admin = await gateway.admin()
    await gateway.policies.put_methods(
        admin, allowed=allowed, second_factor=second_factor, trust_days=0
    )


async def registering(kim: Kim, password: str = OLD) -> ActionRequired:
    outcome = await kim.gateway.begin("kim", password)
    assert isinstance(outcome, ActionRequired)
    assert outcome.action == "register-security-info"
    return outcome


async def prove(kim: Kim, waiting: ActionRequired, setup: AuthenticatorSetup) -> Outcome:
    return await kim.gateway.registration.prove(key(waiting), setup.id, kim.code(setup), WHERE)


async def registered(kim: Kim) -> tuple[SignedIn, AuthenticatorSetup]:
    waiting = await registering(kim)
    setup = await kim.gateway.registration.begin(key(waiting), "Phone")
    outcome = await prove(kim, waiting, setup)
    assert isinstance(outcome, SignedIn)
    kim.pass_time(60)
    return outcome, setup


async def test_without_a_policy_of_its_own_an_organization_has_the_usual_one(
    gateway: Gateway,
) -> None:
    admin = await gateway.admin()
    methods = await gateway.policies.methods(admin)
    assert (methods.second_factor, methods.trust_days) == ("if-registered", 0)
    assert set(methods.allowed) == set(get_args(Kind)) - {"app-password", "security-questions"}
    times = await gateway.policies.session_times(admin)
    assert (times.idle_minutes, times.lifetime_hours) == (60, 24)


@pytest.mark.asvs("6.3.3")
async def test_a_required_factor_is_registered_before_the_sign_in_is_complete(kim: Kim) -> None:
    await demand(kim.gateway, "required")
    sessions = kim.gateway.services.memory.sessions
    signed_in, setup = await registered(kim)
    assert (signed_in.session.aal, signed_in.session.amr) == (2, ("pwd", "otp"))
    assert signed_in.session.factor == setup.id
    assert len(sessions.kept) == 1
    assert (await kim.challenged()).asked.id == setup.id


async def test_a_wrong_code_registers_nothing_and_lets_the_flow_go_on(kim: Kim) -> None:
    await demand(kim.gateway, "required")
    waiting = await registering(kim)
    setup = await kim.gateway.registration.begin(key(waiting), "Phone")
    wrong = kim.gateway.registration.prove(key(waiting), setup.id, SecretStr("000000"), WHERE)
    assert (await refused(wrong)).type == "code-refused"
    assert isinstance(await prove(kim, waiting, setup), SignedIn)


async def test_nobody_else_goes_on_with_the_flow(kim: Kim) -> None:
    await demand(kim.gateway, "required")
    waiting = await registering(kim)
    setup = await kim.gateway.registration.begin(key(waiting), "Phone")
    stolen = key(waiting, "somebody else")
    for asked in (
        kim.gateway.registration.begin(stolen, "Mine"),
        kim.gateway.registration.prove(stolen, setup.id, kim.code(setup), WHERE),
    ):
        with pytest.raises(FlowEnded):
            await asked


async def test_the_own_password_comes_first_and_the_factor_second(gateway: Gateway) -> None:
    await demand(gateway, "required")
    kim = await Kim.added(gateway, temporary=True)
    first = await gateway.begin("kim")
    assert isinstance(first, ActionRequired)
    assert first.action == "change-password"
    early = gateway.registration.begin(key(first), "Phone")
    assert (await refused(early)).type == "flow-out-of-order"
    second = await gateway.sign_in.replace_temporary_password(key(first), SecretStr(NEW), WHERE)
    assert isinstance(second, ActionRequired)
    assert second.action == "register-security-info"
    setup = await gateway.registration.begin(key(second), "Phone")
    assert isinstance(await prove(kim, second, setup), SignedIn)


async def test_a_policy_that_comes_while_a_password_is_thought_up_holds(gateway: Gateway) -> None:
    await Kim.added(gateway, temporary=True)
    first = await gateway.begin("kim")
    await demand(gateway, "required")
    second = await gateway.sign_in.replace_temporary_password(key(first), SecretStr(NEW), WHERE)
    assert isinstance(second, ActionRequired)


async def test_a_password_alone_registers_no_factor_beside_another(kim: Kim) -> None:
    """Whoever has found the password out is stopped at either step by a factor that came since."""
    await demand(kim.gateway, "required")
    begun, late = await registering(kim), await registering(kim)
    theirs = await kim.gateway.registration.begin(key(begun), "Theirs")
    await registered(kim)
    for asked in (
        kim.gateway.registration.begin(key(late), "Theirs"),
        prove(kim, begun, theirs),
    ):
        assert (await refused(asked)).type == "flow-ended"


async def test_of_two_flows_that_each_prove_a_factor_one_has_it(kim: Kim) -> None:
    await demand(kim.gateway, "required")
    flows = [await registering(kim) for _ in range(6)]
    setup = await kim.gateway.registration.begin(key(flows[0]), "Phone")
    outcomes = await asyncio.gather(
        *(prove(kim, each, setup) for each in flows), return_exceptions=True
    )
    assert sum(isinstance(each, SignedIn) for each in outcomes) == 1
    types = {each.type for each in outcomes if isinstance(each, Refusal)}
    assert types == {"flow-ended"}


async def test_two_proofs_at_once_in_one_flow_make_one_session(kim: Kim) -> None:
    await demand(kim.gateway, "required")
    waiting = await registering(kim)
    setup = await kim.gateway.registration.begin(key(waiting), "Phone")
    outcomes = await asyncio.gather(
        *(prove(kim, waiting, setup) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(each, SignedIn) for each in outcomes) == 1
    assert len(kim.gateway.services.memory.sessions.kept) == 1
    assert kim.gateway.flows.flows == {}


async def test_a_registration_ends_with_the_epoch(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    await demand(kim.gateway, "required")
    waiting = await registering(kim)
    setup = await kim.gateway.registration.begin(key(waiting), "Phone")
    await kim.gateway.account.change_password(caller, old=SecretStr(OLD), new=SecretStr(NEW))
    assert (await refused(prove(kim, waiting, setup))).type == "flow-ended"
    again = kim.gateway.registration.begin(key(waiting), "Phone")
    assert (await refused(again)).type == "flow-ended"


async def test_where_it_is_off_nobody_is_challenged(kim: Kim) -> None:
    setup = await kim.authenticator(await kim.gateway.caller("kim"))
    await demand(kim.gateway, "off")
    signed_in = await kim.gateway.begin("kim")
    assert isinstance(signed_in, SignedIn)
    assert (signed_in.session.aal, signed_in.session.amr) == (1, ("pwd",))
    await demand(kim.gateway, "if-registered")
    assert (await kim.challenged()).asked.id == setup.id


async def test_what_is_not_allowed_is_neither_set_up_nor_proved_nor_chosen(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    info = kim.gateway.security_info
    kept = await kim.authenticator(caller)
    caller = await kim.again(caller)
    begun = await info.enroll_authenticator(caller, label="Tablet")
    await demand(kim.gateway, allowed=frozenset())
    for asked in (
        info.enroll_authenticator(caller, label="Another"),
        info.prove(caller, begun.id, kim.code(begun)),
        info.make_recovery_codes(caller),
        info.choose_default(caller, kept.id),
        kim.gateway.step_ups.by_method(caller, kept.id, kim.code(kept), "security-info"),
    ):
        assert (await refused(asked)).type == "not-allowed-by-policy"


async def test_what_is_not_allowed_any_more_is_listed_to_be_removed(kim: Kim) -> None:
    setup = await kim.authenticator(await kim.gateway.caller("kim"))
    await demand(kim.gateway, allowed=frozenset({"recovery-codes"}))
    # It is asked for nowhere, so that neither the sign-in nor the page waits for it.
    caller = await kim.gateway.caller("kim")
    (method,) = await kim.gateway.security_info.methods(caller)
    assert (method.id, method.allowed) == (setup.id, False)
    await kim.gateway.security_info.remove(caller, setup.id)


async def test_a_method_disallowed_in_the_middle_answers_nothing_and_another_does(
    kim: Kim,
) -> None:
    caller = await kim.gateway.caller("kim")
    setup = await kim.authenticator(caller)
    made = await kim.gateway.security_info.make_recovery_codes(await kim.again(caller))
    waiting = await kim.challenged()
    await kim.gateway.sign_in.choose_method(key(waiting), made.id)
    await demand(kim.gateway, allowed=frozenset({"authenticator"}))
    assert (await refused(kim.answer(waiting, made.codes[0]))).type == "not-allowed-by-policy"
    waiting = await kim.gateway.sign_in.choose_method(key(waiting), setup.id)
    assert isinstance(await kim.answer(waiting, kim.code(setup)), SignedIn)
    assert [each.id for each in (await kim.challenged()).methods] == [setup.id]


async def test_the_last_factor_stays_where_one_is_required(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    first = await kim.authenticator(caller, "First")
    caller = await kim.again(caller)
    made = await kim.gateway.security_info.make_recovery_codes(caller)
    await demand(kim.gateway, "required")
    info = kim.gateway.security_info
    refusal = await refused(info.remove(caller, first.id))
    assert (refusal.type, refusal.status) == ("last-factor", 409)
    await info.remove(caller, made.id)
    await demand(kim.gateway)
    await info.remove(caller, first.id)


async def test_of_two_removals_at_once_of_the_last_two_factors_one_is_refused(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    both = [await kim.authenticator(await kim.again(caller), label) for label in ("A", "B")]
    await demand(kim.gateway, "required")
    caller = await kim.again(caller)
    outcomes = await asyncio.gather(
        *(kim.gateway.security_info.remove(caller, each.id) for each in both),
        return_exceptions=True,
    )
    types = [each.type for each in outcomes if isinstance(each, Refusal)]
    assert types == ["last-factor"]


async def test_a_policy_nobody_could_sign_in_under_is_refused(gateway: Gateway) -> None:
    refusal = await refused(demand(gateway, "required", frozenset({"recovery-codes"})))
    assert (refusal.type, refusal.errors[0]["field"]) == ("invalid-request", "allowed")
    assert (await gateway.policies.methods(await gateway.admin())).second_factor == "if-registered"


async def test_a_policy_is_that_of_one_organization(kim: Kim) -> None:
    gateway = kim.gateway
    root = gateway.record("root") | {"organization": "elsewhere", "user_id": "root@elsewhere"}
    added = await gateway.services.profile.add(AddPerson(**root, roles=("admin",)))
    somebody: Any = type("Somebody", (), {"sub": added.sub})()
    other = await gateway.administration.admin(somebody)
    await gateway.policies.put_methods(other, allowed=BOTH, second_factor="required", trust_days=0)
    assert isinstance(await gateway.begin("kim"), SignedIn)
    person = gateway.services.memory.credentials.passwords
    (sub,) = [each.sub for each in person.values() if each.user_id.startswith("kim")]
    assert (await refused(gateway.policies.require_security_info(other, sub))).type == "not-found"


async def test_a_sign_in_reads_no_policy_that_was_read_a_second_ago(kim: Kim) -> None:
    kept = kim.gateway.services.memory.policies
    await kim.gateway.begin("kim")
    reads = kept.reads
    for _ in range(5):
        await kim.gateway.begin("kim")
    assert kept.reads == reads


async def test_an_account_from_before_is_told_whose_it_is_by_the_same_record(kim: Kim) -> None:
    passwords = kim.gateway.services.memory.credentials.passwords
    (sub,) = [each.sub for each in passwords.values() if each.user_id.startswith("kim")]
    passwords[sub] = type(passwords[sub])(**{**vars(passwords[sub]), "organization": None})
    await demand(kim.gateway, "required")
    assert isinstance(await kim.gateway.begin("kim"), SignedIn)
    assert (await refused(kim.gateway.add("kim"))).type == "user-exists"
    await registering(kim)


async def test_an_admin_has_security_info_registered_anew(kim: Kim) -> None:
    gateway = kim.gateway
    caller = await gateway.caller("kim")
    await kim.authenticator(caller)
    made = await gateway.security_info.make_recovery_codes(await kim.again(caller))
    waiting = await kim.challenged()
    admin = await gateway.admin()
    await gateway.policies.require_security_info(admin, caller.sub)
    refusal = await refused(kim.again(caller))
    assert (refusal.type, refusal.extra) == ("session-revoked", {"cause": "methods-cleared"})
    waiting = await gateway.sign_in.choose_method(key(waiting), made.id)
    assert (await refused(kim.answer(waiting, made.codes[0]))).type == "not-found"
    changes = [
        each
        for each in gateway.services.memory.epochs.outbox.values()
        if isinstance(each, CredentialChange) and each.payload.cause == "methods-cleared"
    ]
    (told,) = changes
    assert told.initiating_entity == "admin"
    assert told.payload.also == (made.id,)
    signed_in, _ = await registered(kim)
    assert signed_in.session.aal == 2
    assert isinstance(await gateway.begin("kim"), Challenged)


async def test_it_is_asked_of_who_has_no_methods_too_and_once(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    admin = await kim.gateway.admin()
    await kim.gateway.policies.require_security_info(admin, caller.sub)
    await kim.again(caller)
    _, setup = await registered(kim)
    signed_in = await kim.signed_in(setup)
    await kim.gateway.security_info.remove(signed_in, setup.id)
    assert isinstance(await kim.gateway.begin("kim"), SignedIn)


async def test_of_an_unknown_user_nothing_is_asked(gateway: Gateway) -> None:
    admin = await gateway.admin()
    asked = gateway.policies.require_security_info(admin, "nobody")
    assert (await refused(asked)).type == "not-found"


async def test_sessions_last_as_long_as_their_organization_says(kim: Kim) -> None:
    gateway, admin = kim.gateway, await kim.gateway.admin()
    before = await gateway.caller("kim")
    await gateway.policies.put_session_times(admin, idle_minutes=5, lifetime_hours=1)
    times = await gateway.policies.session_times(admin)
    assert (times.idle_minutes, times.lifetime_hours) == (5, 1)
    after = await gateway.caller("kim")
    assert (after.session.expires_at - after.session.created_at).total_seconds() == 300
    kim.pass_time(240)
    renewed = await kim.again(after)
    assert (renewed.session.expires_at - renewed.session.created_at).total_seconds() == 540
    kim.pass_time(62)
    # The one from before is shortened by the change, and not only when it is used.
    assert (await refused(kim.again(before))).extra == {"cause": "expired"}
    await kim.again(after)
    for _ in range(13):
        kim.pass_time(250)
        await kim.again(after)
    kim.pass_time(100)
    assert (await refused(kim.again(after))).extra == {"cause": "expired"}
