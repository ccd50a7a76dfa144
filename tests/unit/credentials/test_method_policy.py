"""The rules of a policy for methods: what may be asked for, what has to be, what may go."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.credentials.errors import LastFactor, NotAllowedByPolicy, SignInOutdated
from services.credentials.method import Method
from services.credentials.method_policy import KINDS, MethodPolicy
from services.credentials.methods import Asked, SecurityInfo
from shared.contracts.policy import SecondFactor
from shared.contracts.refusals import InvalidRequest
from shared.contracts.trust import TrustTerms

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PHONE = Method("phone", "authenticator", "Phone", AT, proved=True)
TABLET = replace(PHONE, id="tablet", label="Tablet")
CODES = Method("codes", "recovery-codes", "", AT, proved=True, codes=("one",))
NOTHING = SecurityInfo("ada")
ALL = SecurityInfo("ada", methods=(PHONE, TABLET, CODES), default="tablet")
NO_APPS = MethodPolicy(frozenset({"recovery-codes"}))


def test_the_usual_policy_allows_what_keeps_a_second_step_and_asks_for_what_there_is() -> None:
    policy = MethodPolicy()
    assert policy.allowed == set(KINDS) - {"app-password", "security-questions"}
    assert [each.id for each in policy.challenging(ALL)] == ["tablet", "phone", "codes"]
    assert policy.challenging(NOTHING) == ()
    assert not policy.asks_to_register(NOTHING)


def test_recovery_codes_are_asked_for_only_beside_a_factor_that_may_be_used() -> None:
    assert NO_APPS.challenging(ALL) == ()
    only_apps = MethodPolicy(frozenset({"authenticator"}))
    assert [each.id for each in only_apps.challenging(ALL)] == ["tablet", "phone"]


def test_devices_are_trusted_for_a_number_of_days_and_after_a_factor_only() -> None:
    policy = MethodPolicy(trust_days=30, trust_version=2)
    assert policy.trust == policy.trust_after(PHONE) == TrustTerms(days=30, version=2)
    assert policy.trust_after(CODES) is None
    assert MethodPolicy(trust_version=2).trust is None
    assert MethodPolicy().trust_after(PHONE) is None


def test_where_it_is_off_nothing_is_asked_for_and_nothing_has_to_be_registered() -> None:
    policy = MethodPolicy(second_factor="off")
    assert policy.challenging(ALL) == ()
    assert not policy.asks_to_register(replace(NOTHING, must_register=True))


@pytest.mark.parametrize(
    ("second_factor", "info", "expected"),
    [
        ("required", NOTHING, True),
        ("required", replace(NOTHING, methods=(replace(PHONE, proved=False),)), True),
        ("required", ALL, False),
        ("if-registered", replace(NOTHING, must_register=True), True),
        ("if-registered", replace(ALL, must_register=True), False),
    ],
)
def test_who_has_no_factor_registers_one_where_it_is_wanted(
    second_factor: SecondFactor, info: SecurityInfo, *, expected: bool
) -> None:
    assert MethodPolicy(second_factor=second_factor).asks_to_register(info) is expected


def test_nobody_is_asked_to_register_what_nobody_can() -> None:
    assert not NO_APPS.asks_to_register(replace(NOTHING, must_register=True))


def test_a_factor_cannot_be_required_where_none_is_allowed() -> None:
    with pytest.raises(InvalidRequest):
        replace(NO_APPS, second_factor="required").check()
    NO_APPS.check()
    replace(NO_APPS, second_factor="off").check()
    MethodPolicy(second_factor="required").check()


def test_the_last_factor_that_may_be_used_stays_where_one_is_required() -> None:
    required = MethodPolicy(second_factor="required")
    one = ALL.without("phone")
    required.require_one_left(ALL, one)
    required.require_one_left(one, one.without("codes"))
    with pytest.raises(LastFactor):
        required.require_one_left(one, one.without("tablet"))
    MethodPolicy().require_one_left(one, one.without("tablet"))
    # What is good for nothing can always go.
    replace(NO_APPS, second_factor="required").require_one_left(one, one.without("tablet"))


def test_a_first_factor_is_one_beside_none_that_may_be_used() -> None:
    MethodPolicy().require_none(NOTHING)
    MethodPolicy().require_none(replace(NOTHING, methods=(replace(PHONE, proved=False),)))
    NO_APPS.require_none(ALL)
    with pytest.raises(SignInOutdated):
        MethodPolicy().require_none(ALL)


def test_a_kind_is_allowed_or_not_and_said_to_be() -> None:
    NO_APPS.require("recovery-codes")
    with pytest.raises(NotAllowedByPolicy):
        NO_APPS.require("authenticator")
    shown = [NO_APPS.shown(ALL, each).allowed for each in ALL.methods]
    assert shown == [False, False, True]


def test_of_kinds_that_another_version_knows_none_is_allowed() -> None:
    policy = MethodPolicy.of(["authenticator", "carrier-pigeon"], "off", 3)
    assert policy == MethodPolicy(frozenset({"authenticator"}), "off", 3)
    assert policy.as_contract().allowed == ("authenticator",)


def test_the_mark_of_an_admin_goes_with_the_first_factor_that_is_proved() -> None:
    cleared = ALL.cleared()
    assert (cleared.methods, cleared.default) == ((), None)
    assert cleared.must_register
    assert cleared.is_guarding
    proved = cleared.with_proved(replace(PHONE, proved=False))
    assert not proved.must_register


def test_methods_are_confirmed_when_nothing_is_known_of_them_for_too_long() -> None:
    policy = MethodPolicy(reconfirm_days=30)
    due, early = AT + timedelta(days=30), AT + timedelta(days=30, seconds=-1)
    assert not policy.asks_to_confirm(ALL, early)
    assert policy.asks_to_confirm(ALL, due)
    newer = replace(TABLET, created_at=AT + timedelta(days=1))
    assert not policy.asks_to_confirm(replace(ALL, methods=(PHONE, newer)), due)
    assert not policy.asks_to_confirm(ALL.confirmed(AT + timedelta(days=1)), due)
    # What was said long before the newest one was set up does not count less than that.
    assert not policy.asks_to_confirm(ALL.confirmed(AT - timedelta(days=99)), early)


def test_only_a_factor_that_may_be_used_is_asked_about_and_makes_it_known() -> None:
    late = AT + timedelta(days=365)
    policy = MethodPolicy()
    assert not policy.asks_to_confirm(NOTHING, late)
    assert not policy.asks_to_confirm(
        replace(NOTHING, methods=(replace(PHONE, proved=False),)), late
    )
    assert not NO_APPS.asks_to_confirm(ALL, late)
    assert not replace(policy, reconfirm_days=0).asks_to_confirm(ALL, late)
    mail = Method("mail", "email", "", late, proved=True, hint="a…@halden.example")
    codes = replace(CODES, created_at=late)
    info = replace(ALL, methods=(PHONE, mail, codes))
    assert policy.asks_to_confirm(info, late)
    shown = policy.looked_through(info)
    assert [each.id for each in shown] == ["phone", "mail", "codes"]


def test_what_is_asked_for_may_wait_where_policy_says_so_and_no_admin_asked() -> None:
    assert not MethodPolicy().lets_put_off(NOTHING)
    assert MethodPolicy(skip_days=1).lets_put_off(NOTHING)
    assert not MethodPolicy(skip_days=1).lets_put_off(NOTHING.cleared())


def test_a_factor_ends_what_was_asked_for_and_an_address_does_not() -> None:
    asked = replace(NOTHING, asked_since=Asked(AT, AT + timedelta(days=1)))
    assert asked.with_proved(replace(PHONE, proved=False)).asked_since is None
    mail = Method("mail", "email", "", AT, hint="a…@halden.example")
    assert asked.with_proved(mail).asked_since == asked.asked_since
