"""The sessions service."""

from dataclasses import dataclass

from services.gateway.clients.peer import Peer
from shared.contracts.activity import (
    Attempt,
    AttemptCounts,
    AttemptList,
    CountAttempts,
    ListAttempts,
    NoteAttempt,
    ReadAttempt,
    ReportMine,
    ReportNotMine,
)
from shared.contracts.body import Done
from shared.contracts.devices import (
    DeviceList,
    DisableDevice,
    EnableDevice,
    FindDevice,
    FoundDevice,
    ListDevices,
)
from shared.contracts.policy import KeptSessionsPolicy, PutSessionsPolicy, ReadPolicy
from shared.contracts.refusals import InvalidRequest, Refusal
from shared.contracts.sessions import (
    EndRestingOn,
    EndSession,
    Established,
    EstablishSession,
    Introspect,
    ListReceipts,
    ListSessions,
    ReadReceipt,
    Receipt,
    ReceiptList,
    RecognisedDevice,
    RecogniseDevice,
    Revoked,
    Session,
    SessionList,
    SignOutEverywhere,
    StepUp,
)
from shared.contracts.trust import CountTrusted, ForgetTrust, TrustedDevices


@dataclass(frozen=True)
class SessionsClient:
    """One method per call of its contract."""

    peer: Peer

    async def recognise(self, asked: RecogniseDevice) -> RecognisedDevice:
        """Tell whose device holds a key."""
        return await self.peer.ask("/devices/recognise", asked, RecognisedDevice, safe=True)

    async def forget_trust(self, asked: ForgetTrust) -> Done:
        """Trust none of a subject's devices any more."""
        return await self.peer.ask("/devices/forget-trust", asked, Done)

    async def count_trusted(self, asked: CountTrusted) -> TrustedDevices:
        """Return how many devices of a subject are trusted."""
        return await self.peer.ask("/devices/count-trusted", asked, TrustedDevices, safe=True)

    async def devices(self, asked: ListDevices) -> DeviceList:
        """Return a page of devices."""
        return await self.peer.ask("/devices/list", asked, DeviceList, safe=True)

    async def find_device(self, asked: FindDevice) -> FoundDevice:
        """Tell whose device it is."""
        return await self.peer.ask("/devices/find", asked, FoundDevice, safe=True)

    async def disable_device(self, asked: DisableDevice) -> Revoked:
        """Refuse a device from now on, and end what is open on it."""
        return await self.peer.ask("/devices/disable", asked, Revoked)

    async def enable_device(self, asked: EnableDevice) -> Done:
        """Let a device be signed in on again."""
        return await self.peer.ask("/devices/enable", asked, Done)

    async def establish(self, asked: EstablishSession) -> Established:
        """Begin a session."""
        return await self.peer.ask("/sessions/establish", asked, Established)

    async def introspect(self, asked: Introspect) -> Session:
        """Return a session that is accepted."""
        try:
            return await self.peer.ask("/sessions/introspect", asked, Session, safe=True)
        except Refusal as refusal:
            if refusal.type != InvalidRequest.type or asked.renew:
                raise
        # A service that is one version behind takes no `renew`, and always renews.
        behind = asked.model_copy(update={"renew": True})
        return await self.peer.ask("/sessions/introspect", behind, Session, safe=True)

    async def list(self, asked: ListSessions) -> SessionList:
        """Return a page of open sessions."""
        return await self.peer.ask("/sessions/list", asked, SessionList, safe=True)

    async def end(self, asked: EndSession) -> Done:
        """End one session."""
        return await self.peer.ask("/sessions/end", asked, Done)

    async def end_resting_on(self, asked: EndRestingOn) -> Done:
        """End what rests on a method that is gone."""
        return await self.peer.ask("/sessions/end-resting-on", asked, Done)

    async def step_up(self, asked: StepUp) -> Session:
        """Take note that a session's user has shown again who they are."""
        return await self.peer.ask("/sessions/step-up", asked, Session)

    async def sign_out_everywhere(self, asked: SignOutEverywhere) -> Revoked:
        """Refuse everything issued so far."""
        return await self.peer.ask("/sessions/sign-out-everywhere", asked, Revoked)

    async def receipt(self, asked: ReadReceipt) -> Receipt:
        """Return a receipt."""
        return await self.peer.ask("/receipts/read", asked, Receipt, safe=True)

    async def receipts(self, asked: ListReceipts) -> ReceiptList:
        """Return a page of receipts."""
        return await self.peer.ask("/receipts/list", asked, ReceiptList, safe=True)

    async def policy(self, asked: ReadPolicy) -> KeptSessionsPolicy:
        """Return an organization's policy for sessions."""
        return await self.peer.ask("/policy/read", asked, KeptSessionsPolicy, safe=True)

    async def put_policy(self, asked: PutSessionsPolicy) -> KeptSessionsPolicy:
        """Replace an organization's policy for sessions."""
        return await self.peer.ask("/policy/put", asked, KeptSessionsPolicy)

    async def note_attempt(self, asked: NoteAttempt) -> Done:
        """Keep a row of an attempt to sign in."""
        return await self.peer.ask("/activity/note", asked, Done)

    async def attempts(self, asked: ListAttempts) -> AttemptList:
        """Return a page of a subject's sign-in activity."""
        return await self.peer.ask("/activity/list", asked, AttemptList, safe=True)

    async def attempt(self, asked: ReadAttempt) -> Attempt:
        """Return one row."""
        return await self.peer.ask("/activity/read", asked, Attempt, safe=True)

    async def attempt_was_mine(self, asked: ReportMine) -> Attempt:
        """Note that it was its subject."""
        return await self.peer.ask("/activity/mine", asked, Attempt)

    async def attempt_was_not_mine(self, asked: ReportNotMine) -> Revoked:
        """Note that it was somebody else, and refuse everything issued so far."""
        return await self.peer.ask("/activity/not-mine", asked, Revoked)

    async def attempt_counts(self, asked: CountAttempts) -> AttemptCounts:
        """Return how many attempts the last days had."""
        return await self.peer.ask("/activity/count", asked, AttemptCounts, safe=True)
