"""The calls of the contract of the sessions service, each as far as it takes."""

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel

from services.gateway.clients.sessions import SessionsClient
from shared.contracts.activity import (
    CountAttempts,
    ListAttempts,
    NoteAttempt,
    ReadAttempt,
    ReportMine,
    ReportNotMine,
)
from shared.contracts.audit import Actor
from shared.contracts.devices import DisableDevice, EnableDevice, FindDevice, ListDevices
from shared.contracts.policy import PutSessionsPolicy, ReadPolicy
from shared.contracts.sessions import (
    EndRestingOn,
    EndSession,
    EstablishSession,
    Introspect,
    ListReceipts,
    ListSessions,
    ReadReceipt,
    RecogniseDevice,
    SignOutEverywhere,
    StepUp,
    Where,
)
from shared.contracts.trust import CountTrusted, ForgetTrust
from tests.contract.http.services import Ask, Calls, Services

WHERE = Where(address="192.0.2.7", user_agent="Browser/1")


def establish(epoch: int = 1) -> EstablishSession:
    return EstablishSession(sub="person-1", epoch=epoch, where=WHERE)


async def find_device(services: Services) -> BaseModel:
    device = (await services.sessions.establish(establish())).device
    return await services.sessions.find_device(FindDevice(device_id=device.id))


async def disable_device(services: Services) -> BaseModel:
    device = (await services.sessions.establish(establish())).device
    return await services.sessions.disable_device(
        DisableDevice(sub="person-1", device_id=device.id)
    )


def about_attempt(
    ask: Callable[[SessionsClient, Any], Awaitable[BaseModel]], kind: type[ReadAttempt]
) -> Ask:
    async def asked(services: Services) -> BaseModel:
        await services.sessions.establish(establish())
        listed = await services.sessions.attempts(ListAttempts(sub="person-1"))
        return await ask(services.sessions, kind(sub="person-1", id=listed.items[0].id))

    return asked


async def introspect(services: Services) -> BaseModel:
    established = await services.sessions.establish(establish())
    proof = services.memory.sessions.kept[established.session.sid].proof
    asked = Introspect(sub="person-1", sid=established.session.sid, proof=proof)
    assert await services.sessions.introspect(asked) == established.session
    return established.session


async def end(services: Services) -> BaseModel:
    sid = (await services.sessions.establish(establish())).session.sid
    return await services.sessions.end(EndSession(sub="person-1", sid=sid, cause="signed-out"))


async def read_receipt(services: Services) -> BaseModel:
    revoked = await services.sessions.sign_out_everywhere(SignOutEverywhere(sub="person-1"))
    return await services.sessions.receipt(
        ReadReceipt(id=revoked.receipt, token=revoked.receipt_token)
    )


async def step_up(services: Services) -> BaseModel:
    sid = (await services.sessions.establish(establish())).session.sid
    return await services.sessions.step_up(
        StepUp(sub="person-1", sid=sid, purpose="security-info", amr="pwd", aal=1)
    )


SESSIONS_CALLS: Calls = {
    ("sessions", "/devices/recognise"): lambda s: s.sessions.recognise(
        RecogniseDevice(device_key="unknown")
    ),
    ("sessions", "/devices/forget-trust"): lambda s: s.sessions.forget_trust(
        ForgetTrust(sub="person-1")
    ),
    ("sessions", "/devices/count-trusted"): lambda s: s.sessions.count_trusted(
        CountTrusted(sub="person-1")
    ),
    ("sessions", "/devices/list"): lambda s: s.sessions.devices(ListDevices(sub="person-1")),
    ("sessions", "/devices/find"): find_device,
    ("sessions", "/devices/disable"): disable_device,
    ("sessions", "/devices/enable"): lambda s: s.sessions.enable_device(
        EnableDevice(sub="person-1", device_id="a device", by=Actor(sub="root", organization="o"))
    ),
    ("sessions", "/activity/note"): lambda s: s.sessions.note_attempt(
        NoteAttempt(sub="person-1", outcome="wrong-password", where=WHERE)
    ),
    ("sessions", "/activity/list"): lambda s: s.sessions.attempts(ListAttempts(sub="person-1")),
    ("sessions", "/activity/count"): lambda s: s.sessions.attempt_counts(
        CountAttempts(sub="person-1")
    ),
    ("sessions", "/activity/read"): about_attempt(SessionsClient.attempt, ReadAttempt),
    ("sessions", "/activity/mine"): about_attempt(SessionsClient.attempt_was_mine, ReportMine),
    ("sessions", "/activity/not-mine"): about_attempt(
        SessionsClient.attempt_was_not_mine, ReportNotMine
    ),
    ("sessions", "/sessions/establish"): lambda s: s.sessions.establish(establish()),
    ("sessions", "/sessions/introspect"): introspect,
    ("sessions", "/sessions/list"): lambda s: s.sessions.list(ListSessions(sub="person-1")),
    ("sessions", "/sessions/end"): end,
    ("sessions", "/sessions/step-up"): step_up,
    ("sessions", "/sessions/end-resting-on"): lambda s: s.sessions.end_resting_on(
        EndRestingOn(sub="person-1", factor="phone", cause="method-removed")
    ),
    ("sessions", "/sessions/sign-out-everywhere"): lambda s: s.sessions.sign_out_everywhere(
        SignOutEverywhere(sub="person-1")
    ),
    ("sessions", "/policy/read"): lambda s: s.sessions.policy(ReadPolicy(organization="halden")),
    ("sessions", "/policy/put"): lambda s: s.sessions.put_policy(
        PutSessionsPolicy(organization="halden", idle_minutes=5, lifetime_hours=1)
    ),
    ("sessions", "/receipts/read"): read_receipt,
    ("sessions", "/receipts/list"): lambda s: s.sessions.receipts(ListReceipts(sub="person-1")),
}
