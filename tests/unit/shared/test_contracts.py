"""What travels between services: contracts, events and refusals."""

import ast
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from shared import contracts
from shared.contracts import credentials, methods, profile, sessions
from shared.contracts.body import Contract
from shared.contracts.credentials import ChangePassword, VerifyPassword
from shared.contracts.events import (
    EVENTS,
    CredentialChange,
    Event,
    MembershipChanged,
    SessionRevoked,
    TermsAccepted,
    name_of,
)
from shared.contracts.refusals import Busy, NotFound, Refusal, Unavailable
from shared.contracts.sessions import Session

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def every_contract() -> list[type[Contract]]:
    found = [
        kind
        for module in (credentials, methods, profile, sessions)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Contract) and kind is not Contract
    ]
    return sorted(set(found), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", every_contract(), ids=lambda kind: kind.__name__)
def test_a_contract_refuses_fields_that_it_does_not_know(kind: type[Contract]) -> None:
    with pytest.raises(ValidationError) as refused:
        kind.model_validate({"is_admin": True})
    assert ("is_admin",) in [each["loc"] for each in refused.value.errors()]


@pytest.mark.parametrize("kind", every_contract(), ids=lambda kind: kind.__name__)
def test_no_contract_changes_after_it_was_made(kind: type[Contract]) -> None:
    assert kind.model_config.get("frozen")


def test_a_secret_travels_as_json_and_is_shown_nowhere_else() -> None:
    asked = ChangePassword(
        sub="ada",
        old_password=SecretStr("hunter1"),
        new_password=SecretStr("hunter2"),
        address="::1",
    )
    assert ChangePassword.model_validate_json(asked.model_dump_json()) == asked
    assert "hunter" not in repr(asked)
    assert "hunter" not in str(asked)
    assert "hunter" not in repr(asked.model_dump())


def test_a_refused_secret_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        VerifyPassword.model_validate(
            {"user_id": "ada", "password": "hunter2" * 200, "address": ""}
        )
    told = refused.value.errors(include_url=False, include_input=False, include_context=False)
    assert "hunter2" not in repr(told)


def test_times_are_read_back_as_the_same_moment() -> None:
    session = Session(
        sid="s", sub="a", epoch=1, device_id="d", created_at=AT, last_seen_at=AT, expires_at=AT,
        auth_time=AT, address="", user_agent="", app="portal", amr=("pwd",), aal=1,
    )  # fmt: skip
    assert Session.model_validate_json(session.model_dump_json()) == session
    assert "2026-03-01T12:00:00Z" in session.model_dump_json()


def event(**changed: Any) -> dict[str, Any]:
    usual = {
        "id": "e1",
        "name": "credential-change",
        "version": 1,
        "subject": "ada",
        "occurred_at": "2026-03-01T12:00:00Z",
        "initiating_entity": "user",
        "payload": {
            "credential_type": "password",
            "change_type": "update",
            "cause": "password-changed",
            "epoch": 2,
            "receipt": "r1",
        },
    }
    return usual | changed


def test_an_event_of_a_newer_producer_is_understood() -> None:
    told = event(added_later="x")
    told["payload"] |= {"added_later": {"y": 1}}
    assert CredentialChange.model_validate(told) == CredentialChange.model_validate(event())


@pytest.mark.parametrize(
    "changed",
    [
        {"id": ""},
        {"id": "x" * 129},
        {"name": "something-else"},
        {"version": 2},
        {"subject": ""},
        {"occurred_at": "yesterday"},
        {"initiating_entity": "nobody"},
        {"payload": {}},
        {"payload": None},
    ],
)
def test_an_event_that_says_something_else_is_not_understood(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CredentialChange.model_validate(event(**changed))


@pytest.mark.parametrize("field", ["epoch", "receipt", "cause", "credential_type", "change_type"])
def test_an_event_without_what_it_is_about_is_not_understood(field: str) -> None:
    told = event()
    del told["payload"][field]
    with pytest.raises(ValidationError):
        CredentialChange.model_validate(told)


def test_an_event_is_about_a_raised_epoch_or_about_a_method_and_not_both() -> None:
    told = event()
    told["payload"]["method"] = "phone"
    with pytest.raises(ValidationError):
        CredentialChange.model_validate(told)
    for field in ("epoch", "receipt"):
        del told["payload"][field]
    assert CredentialChange.model_validate(told).payload.method == "phone"


def test_an_epoch_in_an_event_is_a_raised_one() -> None:
    told = event()
    told["payload"]["epoch"] = 0
    with pytest.raises(ValidationError):
        CredentialChange.model_validate(told)


def test_every_event_has_a_name_of_its_own() -> None:
    names = [name_of(each) for each in EVENTS]
    assert len(set(names)) == len(names)
    assert set(EVENTS) == set(Event.__subclasses__())


def test_a_live_hint_and_what_is_for_other_systems_may_find_nobody() -> None:
    may_be_lost = [each for each in EVENTS if not each.must_reach_a_queue]
    assert may_be_lost == [SessionRevoked, MembershipChanged, TermsAccepted]


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_no_event_has_a_field_for_personal_things_or_secrets(kind: type[Event]) -> None:
    personal = {
        "password", "verifier", "secret", "token", "receipt_token", "email", "emails", "user_id",
        "display_name", "address", "user_agent", "phone", "name_of_user",
    }  # fmt: skip
    payload = kind.model_fields["payload"].annotation
    assert isinstance(payload, type)
    assert issubclass(payload, BaseModel)
    assert not personal & {*kind.model_fields, *payload.model_fields} - {"name"}


def test_contracts_import_pydantic_and_the_standard_library_only() -> None:
    allowed = {"pydantic", "secrets", "shared", "datetime", "typing", "dataclasses", "collections"}
    for file in Path(contracts.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] in allowed, file.name
            elif isinstance(node, ast.Import):
                assert {each.name.partition(".")[0] for each in node.names} <= allowed, file.name


def test_a_refusal_is_rebuilt_from_what_travels() -> None:
    errors = [{"field": "new_password", "reason": "too-short", "message": "too-short"}]
    refusal = Refusal(errors=errors, retry_after=7, cause="password-changed")
    refusal.type, refusal.status = "password-refused", 422
    rebuilt = Refusal.of(refusal.body(), retry_after=7)
    assert (rebuilt.type, rebuilt.status, rebuilt.retry_after) == ("password-refused", 422, 7)
    assert rebuilt.errors == (
        {"field": "new_password", "reason": "too-short", "message": "too-short"},
    )
    assert rebuilt.extra == {"cause": "password-changed"}
    assert rebuilt.body() == refusal.body()


def test_a_refusal_without_more_to_say_says_no_more() -> None:
    assert NotFound().body() == {"type": "/problems/not-found", "status": 404}


def test_refusals_do_not_share_what_they_say() -> None:
    NotFound().because(cause="x")
    rebuilt = Refusal.of({"type": "/problems/x", "status": 418}, retry_after=None)
    assert str(rebuilt) == "x"
    assert NotFound().extra == {}
    assert (rebuilt.type, Refusal.type, Refusal.status) == ("x", "internal-error", 500)


def test_what_may_succeed_later_says_when() -> None:
    assert (Unavailable().status, Unavailable().retry_after) == (503, 2)
    assert (Busy().status, Busy(retry_after=9).retry_after) == (503, 9)


def test_a_password_comes_with_no_hint_and_no_question() -> None:
    kept = {
        name for each in (credentials.EnrollAccount, ChangePassword) for name in each.model_fields
    }
    assert not [name for name in kept if "hint" in name or "question" in name]
