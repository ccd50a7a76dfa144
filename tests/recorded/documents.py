"""What is recorded of the events: their schemas, and who sends and receives them."""

import importlib
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any

from shared.broker import EXCHANGE, Bus, Handler
from shared.contracts.events import EVENTS, AccountErased, AccountPurged, Audited, Event, name_of

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = Path(__file__).parent / "events"
ASYNCAPI = ROOT / "docs" / "asyncapi.json"
SERVICES = ("credentials", "gateway", "profile", "sessions")
Document = dict[str, Any]
_MADE_ELSEWHERE: dict[type[Event], re.Pattern[str]] = {
    Audited: re.compile(r"Audited\.of\(|policy_replaced\("),
    AccountPurged: re.compile(r"AccountPurged\.of\("),
    AccountErased: re.compile(r" = PersonalData\(NAME"),
}


@dataclass(frozen=True, order=True)
class Subscription:
    """One event that one service hears; a `durable` one is heard later when nobody listens."""

    service: str
    event: str
    durable: bool


@dataclass
class Ears(Bus):
    """A bus that only takes note of what a service wants to hear."""

    heard: list[Subscription] = field(default_factory=list)

    def consume(self, event: type[Event], handler: Handler[Any]) -> None:
        """Take note."""
        self.heard.append(Subscription(self.service, name_of(event), durable=True))

    def listen(self, event: type[Event], handler: Handler[Any], *, replica: str) -> None:
        """Take note."""
        self.heard.append(Subscription(self.service, name_of(event), durable=False))


class _Capability:
    """Stands for a capability whose methods are named but never called."""

    def __getattr__(self, name: str) -> Callable[[Any], Awaitable[None]]:
        async def named(_event: Any) -> None:
            return

        return named


def subscriptions() -> list[Subscription]:
    """Return what every service hears, from their own subscribers."""
    return sorted(each for service in SERVICES for each in _heard_by(service))


def _heard_by(service: str) -> list[Subscription]:
    if not (ROOT / "services" / service / "subscribers.py").exists():
        return []
    subscribe = importlib.import_module(f"services.{service}.subscribers").subscribe
    ears = Ears("amqp://127.0.0.1/", service, lambda _: False)
    replica = {"replica": "replica"} if service == "gateway" else {}
    others = len(signature(subscribe).parameters) - len(replica) - 1
    subscribe(ears, *(_Capability() for _ in range(others)), **replica)
    return ears.heard


def publications() -> list[tuple[str, str]]:
    """Return the pairs of a service and an event that its model makes, or that it is audited by."""
    found = []
    for service in SERVICES:
        model = vars(importlib.import_module(f"services.{service}.model"))
        made = {name_of(event) for event in EVENTS if event in model.values()}
        sources = [file.read_text() for file in (ROOT / "services" / service).rglob("*.py")]
        for event, makes in _MADE_ELSEWHERE.items():
            if any(map(makes.search, sources)):
                made.add(name_of(event))
        found += [(service, name) for name in made]
    return sorted(found)


def schemas() -> dict[str, Document]:
    """Return the JSON Schema of every event by its name."""
    return {name_of(event): event.model_json_schema() for event in EVENTS}


def asyncapi() -> Document:
    """Return the description of the bus (AsyncAPI 3.0)."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Account events",
            "version": "1",
            "description": "What the services tell each other. Every event is published at least "
            "once, in no order; consumers remember ids. No event carries personal data or secrets.",
        },
        "defaultContentType": "application/json",
        "channels": {name_of(event): _channel(event) for event in EVENTS},
        "operations": dict(_operations()),
        "components": {"messages": {name_of(event): _message(event) for event in EVENTS}},
    }


def _channel(event: type[Event]) -> Document:
    name = name_of(event)
    return {
        "address": name,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": EXCHANGE.name, "type": "topic", "durable": True},
            }
        },
    }


def _operations() -> Iterator[tuple[str, Document]]:
    for service, name in publications():
        yield f"{service}-sends-{name}", _operation("send", name)
    for each in subscriptions():
        yield (
            f"{each.service}-receives-{each.event}",
            _operation("receive", each.event)
            | {
                "bindings": {"amqp": {"ack": each.durable}},
                "summary": "From a durable queue, once per service."
                if each.durable
                else "By every replica, while it is connected.",
            },
        )


def _operation(action: str, name: str) -> Document:
    return {"action": action, "channel": {"$ref": f"#/channels/{name}"}}


def _message(event: type[Event]) -> Document:
    name = name_of(event)
    schema = event.model_json_schema(
        ref_template=f"#/components/messages/{name}/payload/$defs/{{model}}"
    )
    return {"name": name, "summary": (event.__doc__ or "").partition("\n")[0], "payload": schema}


def breaking(recorded: Document, current: Document, where: str = "") -> list[str]:
    """Return what breaks who was written for the recorded schema, or what they wrote.

    Whatever both sides must agree on is compared: fields that are gone, that mean something
    else, or that have to be there now; titles and descriptions may change.
    """
    old, new = recorded.get("properties", {}), current.get("properties", {})
    found = [f"{where}{name} was removed" for name in old if name not in new]
    found += [
        f"{where}{name} is of another type"
        for name, kind in old.items()
        if name in new and _meaning(kind) != _meaning(new[name])
    ]
    was, now = set(recorded.get("required", [])), set(current.get("required", []))
    found += [f"{where}{name} is required now" for name in sorted(now - was)]
    found += [
        f"{where}{name} need not be there any more" for name in sorted((was - now) & set(new))
    ]
    for name, definition in recorded.get("$defs", {}).items():
        if name in current.get("$defs", {}):
            found += breaking(definition, current["$defs"][name], f"{where}{name}.")
        else:
            found.append(f"{where}{name} was removed")
    return found


def _meaning(schema: Any) -> Any:
    """Return a schema without the words that are for people."""
    if isinstance(schema, dict):
        return {
            name: _meaning(each)
            for name, each in schema.items()
            if name not in {"title", "description"}
        }
    if isinstance(schema, list):
        return [_meaning(each) for each in schema]
    return schema
