"""The events are what is recorded of them, so that two versions understand each other."""

import json
from copy import deepcopy
from typing import Any

import pytest

from shared.contracts.events import EVENTS, name_of
from tests.recorded.documents import (
    ASYNCAPI,
    SCHEMAS,
    Document,
    Subscription,
    asyncapi,
    breaking,
    publications,
    schemas,
    subscriptions,
)

AGAIN = "Review the change, then record it: python -m tests.recorded"
FROM_ANY = {"audited", "account-erased"}
NAMES = [name_of(event) for event in EVENTS]


def recorded(name: str) -> Document:
    document: Document = json.loads((SCHEMAS / f"{name}.json").read_text())
    return document


def test_no_event_was_removed() -> None:
    assert {file.stem for file in SCHEMAS.glob("*.json")} <= set(NAMES), AGAIN


@pytest.mark.parametrize("name", NAMES)
def test_no_event_changed_in_a_way_that_breaks(name: str) -> None:
    assert breaking(recorded(name), schemas()[name]) == [], AGAIN


@pytest.mark.parametrize("name", NAMES)
def test_every_event_is_recorded_as_it_is(name: str) -> None:
    assert recorded(name) == schemas()[name], AGAIN


def changed(how: str) -> Document:
    """Return a schema after a change."""
    schema = deepcopy(schemas()["credential-change"])
    payload: dict[str, Any] = schema["$defs"]["CredentialChangePayload"]
    if how == "removed":
        del payload["properties"]["cause"]
    elif how == "renamed":
        payload["properties"]["reason"] = payload["properties"].pop("cause")
    elif how == "retyped":
        payload["properties"]["cause"]["type"] = "integer"
    elif how == "narrowed":
        payload["properties"]["change_type"]["enum"].pop()
    elif how == "required":
        payload["properties"]["reason"] = {"type": "string"}
        payload["required"].append("reason")
    elif how == "optional":
        payload["required"].remove("cause")
    elif how == "version":
        schema["properties"]["version"]["const"] = 2
    elif how == "payload":
        del schema["$defs"]["CredentialChangePayload"]
    return schema


@pytest.mark.parametrize(
    "how",
    ["removed", "renamed", "retyped", "narrowed", "required", "optional", "version", "payload"],
)
def test_a_change_that_breaks_is_noticed(how: str) -> None:
    assert breaking(schemas()["credential-change"], changed(how)) != []


def test_a_field_that_may_be_there_breaks_nothing() -> None:
    schema = changed("nothing")
    schema["properties"]["tenant"] = {"type": "string", "default": ""}
    schema["properties"]["id"]["description"] = "Said in other words."
    assert breaking(schemas()["credential-change"], schema) == []


def test_the_description_of_the_bus_is_up_to_date() -> None:
    assert json.loads(ASYNCAPI.read_text()) == asyncapi(), AGAIN


def test_every_event_that_is_heard_is_published_by_one_service_and_what_is_audited_by_any() -> None:
    published = [event for _, event in publications() if event not in FROM_ANY]
    assert sorted(published) == sorted(set(published))
    assert {each.event for each in subscriptions()} - FROM_ANY <= set(published)


def test_who_hears_what_is_known() -> None:
    # Each of these has a duplicate-delivery and an out-of-order test beside this file.
    assert subscriptions() == [
        Subscription("credentials", "account-purged", durable=True),
        Subscription("gateway", "credential-change", durable=False),
        Subscription("gateway", "session-revoked", durable=False),
        Subscription("profile", "account-disabled", durable=True),
        Subscription("profile", "account-enabled", durable=True),
        Subscription("profile", "account-erased", durable=True),
        Subscription("profile", "account-purged", durable=True),
        Subscription("profile", "audited", durable=True),
        Subscription("profile", "credential-change", durable=True),
        Subscription("profile", "device-disabled", durable=True),
        Subscription("profile", "help-asked", durable=True),
        Subscription("profile", "new-devices", durable=True),
        Subscription("profile", "sign-in-locked", durable=True),
        Subscription("profile", "signed-out-everywhere", durable=True),
        Subscription("sessions", "account-disabled", durable=True),
        Subscription("sessions", "account-purged", durable=True),
        Subscription("sessions", "credential-change", durable=True),
        Subscription("sessions", "signed-out-everywhere", durable=True),
    ]


def test_every_reference_in_the_description_leads_somewhere() -> None:
    document = asyncapi()

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [ref for each in part.values() for ref in references(each)]
        return [ref for each in part for ref in references(each)] if isinstance(part, list) else []

    for reference in references(document):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found
