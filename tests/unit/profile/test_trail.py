"""The chain of the audit trail: what was done to it is found."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.profile.trail import (
    BrokenTrail,
    Entry,
    Fault,
    Head,
    Inspection,
    Seal,
    Told,
)
from shared.contracts.audit import Actor
from shared.contracts.events import Audited

AT = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)
SEAL = Seal(b"a test's key")
ADMIN = Actor(sub="ada", organization="halden")


def told(number: int, organization: str = "halden") -> Told:
    actor = Actor(sub="ada", organization=organization)
    event = Audited.of(actor, "add-user", at=AT, subject=f"person-{number}", details={"n": number})
    return replace(Told.by(event), id=f"event-{number}")


def trail(length: int, seal: Seal = SEAL) -> tuple[list[Entry], Head]:
    entries, head = [], Head("halden")
    for number in range(1, length + 1):
        entries.append(seal.entry(head, told(number), AT + timedelta(minutes=number)))
        head = seal.head(entries[-1])
    return entries, head


def faults(entries: list[Entry], before: Head | None, after: Head | None = None) -> list[Any]:
    inspection = Inspection(SEAL, "halden", before)
    found = [fault for entry in entries for fault in inspection.entry(entry)]
    found += inspection.end(after or before)
    assert all(isinstance(each, Fault) and each.organization == "halden" for each in found)
    return [(each.sequence, each.wrong) for each in found]


@pytest.mark.parametrize("length", [0, 1, 5])
def test_a_trail_as_it_was_written_has_no_fault(length: int) -> None:
    entries, head = trail(length)
    assert faults(entries, head) == []
    assert [each.sequence for each in entries] == list(range(1, length + 1))


def test_what_comes_while_it_is_looked_at_is_no_fault() -> None:
    entries, after = trail(5)
    _, before = trail(3)
    assert faults(entries, before, after) == []
    _, even_later = trail(7)
    assert faults(entries, before, even_later) == []


@pytest.mark.parametrize(
    "change",
    [
        {"id": "another"},
        {"occurred_at": AT + timedelta(milliseconds=1)},
        {"actor": "bo"},
        {"actor": None},
        {"subject": "bo"},
        {"action": "disable-user"},
        {"outcome": "refused"},
        {"reason": "not-allowed"},
        {"details": {"n": "2"}},
        {"details": None},
        {"details": {"n": object()}},
    ],
)
def test_an_altered_word_is_found(change: dict[str, Any]) -> None:
    entries, head = trail(3)
    entries[1] = replace(entries[1], told=replace(entries[1].told, **change))
    assert faults(entries, head) == [(2, "altered")]


def test_an_altered_time_or_place_is_found() -> None:
    for change in ({"at": AT}, {"previous": "0" * 64}, {"at": None}):
        entries, head = trail(3)
        entries[1] = replace(entries[1], **change)
        assert faults(entries, head) == [(2, "altered")]


def test_an_entry_of_another_organization_is_found() -> None:
    entries, head = trail(2)
    entries[1] = SEAL.entry(SEAL.head(entries[0]), told(2, "elsewhere"), AT)
    assert (2, "altered") in faults(entries, head)


def test_who_has_not_the_key_cannot_write_an_entry() -> None:
    entries, head = trail(2, Seal(b"another key"))
    assert faults(entries, head) == [(1, "altered"), (2, "altered"), (2, "head-altered")]


def test_an_entry_that_was_taken_out_is_missing() -> None:
    entries, head = trail(4)
    assert faults(entries[1:], head) == [(1, "missing")]
    assert faults([*entries[:1], *entries[3:]], head) == [(2, "missing")]


def test_a_trail_that_was_cut_off_is_found() -> None:
    entries, head = trail(4)
    assert faults(entries[:2], head) == [(3, "cut-off")]
    assert faults([], head) == [(1, "cut-off")]


def test_entries_that_changed_places_are_found() -> None:
    entries, head = trail(4)
    swapped = [replace(entries[2], sequence=2), replace(entries[1], sequence=3)]
    found = faults([entries[0], *swapped, entries[3]], head)
    assert found == [(2, "altered"), (3, "altered"), (4, "out-of-order")]


def test_two_entries_in_one_place_are_found() -> None:
    entries, head = trail(3)
    again = SEAL.entry(SEAL.head(entries[0]), told(9), AT)
    assert faults([*entries[:2], again, entries[2]], head)[0] == (2, "out-of-order")


def test_an_entry_of_another_past_is_found() -> None:
    entries, head = trail(3)
    forked = SEAL.entry(SEAL.head(SEAL.entry(SEAL.head(entries[0]), told(9), AT)), told(3), AT)
    assert faults([*entries[:2], forked], head) == [(3, "out-of-order")]


def test_a_head_of_an_earlier_day_is_found() -> None:
    entries, _ = trail(3)
    _, earlier = trail(2)
    assert faults(entries, earlier, earlier) == [(3, "out-of-order")]


@pytest.mark.parametrize("change", [{"sequence": 2}, {"hash": "0" * 64}, {"seal": ""}])
def test_an_altered_head_is_found_and_nothing_goes_on_from_it(change: dict[str, Any]) -> None:
    entries, head = trail(3)
    altered = replace(head, **change)
    assert (altered.sequence, "head-altered") in faults(entries, altered)
    with pytest.raises(BrokenTrail):
        SEAL.entry(altered, told(4), AT)


def test_a_head_that_was_taken_out_is_found() -> None:
    entries, _ = trail(2)
    assert faults(entries, None) == [(0, "head-altered")]
    assert faults(entries, Head("halden")) == [(0, "head-altered")]


def test_the_key_is_not_shown() -> None:
    assert "a test" not in repr(SEAL)


def test_an_event_says_who_did_what_to_whom() -> None:
    done = Audited.of(ADMIN, "put-policy", at=AT, details={"policy": "methods"})
    assert (done.subject, done.payload.actor, done.payload.outcome) == ("ada", "ada", "done")
    refused = Audited.of(ADMIN, "disable-user", at=AT, subject="bo", reason="last-admin")
    assert (refused.subject, refused.payload.outcome) == ("bo", "refused")
    assert refused.payload.reason == "last-admin"
    assert done.id != refused.id


@pytest.mark.parametrize(
    "details", [{"a b": 1}, {"n": "x" * 257}, {"n": 2**63}, {"n": 1.5}, {"$set": 1}, {"a.b": 1}]
)
def test_an_event_has_no_room_for_anything_but_words_and_numbers(details: Any) -> None:
    with pytest.raises(ValidationError):
        Audited.of(ADMIN, "add-user", at=AT, details=details)
    with pytest.raises(ValidationError):
        Audited.of(ADMIN, "Not a slug", at=AT)
