"""HTTP in: parse, one call, render."""

from aiohttp import web

from services.sessions.activity import Activity
from services.sessions.devices import Devices
from services.sessions.disabling import Disabling
from services.sessions.disowning import Disowning
from services.sessions.introspection import Introspection
from services.sessions.issuance import Issuance
from services.sessions.policy import SessionPolicies
from services.sessions.receipts import Receipts
from services.sessions.revocation import Revocations
from shared.contracts.activity import (
    CountAttempts,
    ListAttempts,
    NoteAttempt,
    ReadAttempt,
    ReportMine,
    ReportNotMine,
)
from shared.contracts.devices import DisableDevice, EnableDevice, FindDevice, ListDevices
from shared.contracts.personal_data import ReadPersonalData
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
)
from shared.contracts.trust import CountTrusted, ForgetTrust
from shared.personal_data import PersonalData
from shared.service import endpoint


def routes(
    devices: Devices,
    issuance: Issuance,
    introspection: Introspection,
    revocations: Revocations,
    receipts: Receipts,
    policies: SessionPolicies,
    disabling: Disabling,
) -> list[web.RouteDef]:
    """Return the routes of the service."""
    return [
        endpoint("/devices/recognise", RecogniseDevice, devices.recognise),
        endpoint("/devices/forget-trust", ForgetTrust, devices.forget_trust),
        endpoint("/devices/count-trusted", CountTrusted, devices.count_trusted),
        endpoint("/devices/list", ListDevices, devices.list),
        endpoint("/devices/find", FindDevice, devices.find),
        endpoint("/devices/disable", DisableDevice, disabling.disable),
        endpoint("/devices/enable", EnableDevice, disabling.enable),
        endpoint("/sessions/establish", EstablishSession, issuance.establish),
        endpoint("/sessions/step-up", StepUp, issuance.step_up),
        endpoint("/sessions/introspect", Introspect, introspection.introspect),
        endpoint("/sessions/list", ListSessions, introspection.sessions),
        endpoint("/sessions/end", EndSession, revocations.end),
        endpoint("/sessions/end-resting-on", EndRestingOn, revocations.end_resting_on),
        endpoint(
            "/sessions/sign-out-everywhere", SignOutEverywhere, revocations.sign_out_everywhere
        ),
        endpoint("/policy/read", ReadPolicy, policies.read),
        endpoint("/policy/put", PutSessionsPolicy, policies.put),
        endpoint("/receipts/read", ReadReceipt, receipts.read),
        endpoint("/receipts/list", ListReceipts, receipts.list),
    ]


def activity_routes(activity: Activity, disowning: Disowning) -> list[web.RouteDef]:
    """Return those for sign-in activity."""
    return [
        endpoint("/activity/note", NoteAttempt, activity.note),
        endpoint("/activity/list", ListAttempts, activity.list),
        endpoint("/activity/read", ReadAttempt, activity.read),
        endpoint("/activity/mine", ReportMine, activity.mine),
        endpoint("/activity/not-mine", ReportNotMine, disowning.disown),
        endpoint("/activity/count", CountAttempts, activity.counts),
    ]


def personal_data_routes(data: PersonalData) -> list[web.RouteDef]:
    """Return the route for what is kept of people."""
    return [endpoint("/personal-data/read", ReadPersonalData, data.read)]
