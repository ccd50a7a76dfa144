"""The part of the API's table for devices that are trusted."""

from dataclasses import dataclass

from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.trust import DeviceTrust


@dataclass(frozen=True)
class TrustApi:
    """The operations, each over one flow."""

    trust: DeviceTrust

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        return [
            Operation(
                "POST", "/me/devices/forget-trust", "Have every trusted device ask me again",
                self._forget, answers={204: None},
            ),
        ]  # fmt: skip

    async def _forget(self, call: Call) -> Answer:
        await self.trust.forget(call.caller)
        return Answer(None, 204)
