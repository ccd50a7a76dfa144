"""Contact methods that an admin brings along in a file, through the gateway."""

from dataclasses import astuple
from typing import Any

import pytest

from services.gateway.method_import import Report
from services.gateway.model import Challenged, SignedIn
from shared.contracts.events import Audited, CredentialChange
from shared.contracts.profile import Person, PutOrganization
from tests.contract.http.gateway import Gateway, refused

HEADER = "user_id,kind,target\n"
MAIL = "kim@halden.example,email,kim@mail.example\n"
NUMBER = "kim@halden.example,sms,+494215550147\n"


@pytest.fixture
async def admin(gateway: Gateway) -> Person:
    await gateway.add("kim")
    return await gateway.admin()


async def bring(gateway: Gateway, admin: Person, text: str, *, dry_run: bool = False) -> Report:
    return await gateway.method_import.bring(admin, HEADER + text, dry_run=dry_run)


def told(gateway: Gateway) -> list[Any]:
    return list(gateway.services.memory.epochs.outbox.values())


async def test_each_line_is_added_once_and_counts_at_once(gateway: Gateway, admin: Person) -> None:
    report = await bring(gateway, admin, MAIL + NUMBER)
    assert [each.outcome for each in report.lines] == ["added", "added"]
    assert isinstance(await gateway.begin("kim"), Challenged)
    again = await bring(gateway, admin, MAIL + NUMBER)
    assert [each.outcome for each in again.lines] == ["unchanged", "unchanged"]
    assert (again.number("unchanged"), again.number("added")) == (2, 0)


async def test_each_is_told_to_its_owner_and_to_the_audit_trail(
    gateway: Gateway, admin: Person
) -> None:
    await bring(gateway, admin, NUMBER)
    change = next(each for each in told(gateway) if isinstance(each, CredentialChange))
    audited = next(each for each in told(gateway) if isinstance(each, Audited))
    assert (change.payload.cause, change.initiating_entity) == ("method-added", "admin")
    assert (audited.payload.action, audited.payload.actor, audited.subject) == (
        "import-method", admin.sub, change.subject,
    )  # fmt: skip
    assert "5550147" not in f"{told(gateway)}"


async def test_a_bad_line_keeps_no_other_from_being_done(gateway: Gateway, admin: Person) -> None:
    report = await bring(
        gateway,
        admin,
        "nobody@halden.example,email,x@mail.example\nkim@halden.example,fax,1\n" + MAIL,
    )
    assert [astuple(each) for each in report.lines] == [
        (2, "nobody@halden.example", "refused", "unknown-user"),
        (3, "kim@halden.example", "refused", "not-a-choice"),
        (4, "kim@halden.example", "added", None),
    ]


async def test_users_of_other_organizations_are_unknown(gateway: Gateway, admin: Person) -> None:
    elsewhere = PutOrganization(id="elsewhere", name="Elsewhere")
    await gateway.services.profile.put_organization(elsewhere)
    await gateway.add("zoe", organization="elsewhere")
    report = await bring(gateway, admin, "zoe@halden.example,sms,+494215550147\n")
    assert [each.reason for each in report.lines] == ["unknown-user"]
    assert isinstance(await gateway.begin("zoe"), SignedIn)


async def test_what_policy_does_not_allow_is_refused_by_line(
    gateway: Gateway, admin: Person
) -> None:
    await gateway.policies.put_methods(
        admin, allowed=frozenset({"email"}), second_factor="if-registered", trust_days=0
    )
    report = await bring(gateway, admin, MAIL + NUMBER)
    assert [(each.outcome, each.reason) for each in report.lines] == [
        ("added", None),
        ("refused", "not-allowed-by-policy"),
    ]


async def test_a_dry_run_says_the_same_and_changes_nothing(gateway: Gateway, admin: Person) -> None:
    before = told(gateway)
    report = await bring(gateway, admin, MAIL + NUMBER, dry_run=True)
    assert (report.dry_run, report.number("added")) == (True, 2)
    assert told(gateway) == before
    assert isinstance(await gateway.begin("kim"), SignedIn)


async def test_a_file_without_its_header_changes_nothing(gateway: Gateway, admin: Person) -> None:
    refusal = await refused(gateway.method_import.bring(admin, MAIL, dry_run=False))
    assert (refusal.type, refusal.status) == ("method-file-header-wrong", 422)
