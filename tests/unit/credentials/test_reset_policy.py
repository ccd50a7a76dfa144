"""Who may reset a forgotten password, and what they have to show for it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.credentials.method import Method
from services.credentials.methods import SecurityInfo
from services.credentials.reset_policy import RESET_KINDS, ResetPolicy
from shared.contracts.methods import Kind
from shared.contracts.refusals import InvalidRequest

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
USUAL = ResetPolicy("everyone")


def method(kind: Kind, *, proved: bool = True, codes: tuple[str, ...] = ("code",)) -> Method:
    return Method(kind, kind, "", AT, proved=proved, codes=codes)


def info(*methods: Method) -> SecurityInfo:
    return SecurityInfo("ada", methods=methods)


def usable(policy: ResetPolicy, *methods: Method, is_admin: bool = False) -> list[str]:
    return [each.id for each in policy.usable(info(*methods), is_admin=is_admin)]


def test_nobody_resets_a_password_until_an_admin_says_so() -> None:
    policy = ResetPolicy()
    assert (policy.enabled_for, policy.methods_required, policy.reconfirm_days) == (
        "nobody",
        1,
        180,
    )
    assert (policy.questions_to_register, policy.questions_to_answer) == (3, 3)
    assert policy.methods == frozenset(RESET_KINDS)
    assert not policy.enables(["pilots"])


@pytest.mark.parametrize(
    ("policy", "groups", "expected"),
    [
        (ResetPolicy("everyone"), [], True),
        (ResetPolicy("groups", frozenset({"pilots"})), [], False),
        (ResetPolicy("groups", frozenset({"pilots"})), ["crew"], False),
        (ResetPolicy("groups", frozenset({"pilots"})), ["crew", "pilots"], True),
        (ResetPolicy("nobody", frozenset({"pilots"})), ["pilots"], False),
    ],
)
def test_it_is_enabled_for_everyone_or_members_of_groups(
    policy: ResetPolicy, groups: list[str], *, expected: bool
) -> None:
    assert policy.enables(groups) is expected


def test_only_proved_methods_for_resets_that_are_left_count() -> None:
    methods = (
        method("email", proved=False),
        method("passkey"),
        method("app-password"),
        method("recovery-codes", codes=()),
    )
    assert usable(USUAL, *methods) == []
    assert usable(USUAL, method("recovery-codes"), method("sms")) == ["recovery-codes", "sms"]


def test_an_authenticator_alone_never_suffices() -> None:
    app = method("authenticator")
    for required in (1, 2):
        policy = replace(USUAL, methods_required=required)
        assert not policy.is_registered(info(app, replace(app, id="2")), is_admin=False)
        assert not policy.is_registered(info(app), is_admin=True)
    assert usable(USUAL, app, method("email")) == ["email"]
    assert usable(replace(USUAL, methods_required=2), app, method("email")) == [
        "authenticator", "email",
    ]  # fmt: skip


def test_admins_always_need_two_and_cannot_use_questions() -> None:
    assert [USUAL.needed(is_admin=each) for each in (False, True)] == [1, 2]
    assert "security-questions" not in {
        each.kind for each in USUAL.usable(info(method("email")), is_admin=True)
    }
    assert USUAL.is_registered(info(method("email")), is_admin=False)
    assert not USUAL.is_registered(info(method("email")), is_admin=True)
    assert USUAL.is_registered(info(method("email"), method("sms")), is_admin=True)


@pytest.mark.parametrize(
    ("policy", "fields"),
    [
        (ResetPolicy("groups"), ["groups"]),
        (ResetPolicy("everyone", methods=frozenset()), ["methods"]),
        (ResetPolicy("everyone", methods=frozenset({"authenticator"})), ["methods"]),
        (ResetPolicy("everyone", methods=frozenset({"sms"}), methods_required=2), ["methods"]),
        (ResetPolicy(questions_to_register=3, questions_to_answer=4), ["questions_to_answer"]),
    ],
)
def test_a_policy_that_nobody_could_meet_is_refused(policy: ResetPolicy, fields: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        policy.check()
    assert [each["field"] for each in refused.value.errors] == fields


def test_a_policy_that_enables_nobody_may_be_anything() -> None:
    ResetPolicy("nobody", methods=frozenset()).check()
    ResetPolicy("everyone", methods=frozenset({"sms", "authenticator"}), methods_required=2).check()
