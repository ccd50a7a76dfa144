"""The part of the API's table for what is stored about oneself."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.api.downloads import File, Format
from services.gateway.api.operations import Call, Operation
from services.gateway.personal_data import PersonalData

_FILE: File[bytes] = File("personal-data.json", Format("application/json", b"", bytes))


@dataclass(frozen=True)
class PersonalDataApi:
    """The operation, over its flow."""

    data: PersonalData

    def operations(self) -> list[Operation]:
        """Return the row of the table."""
        return [
            Operation(
                "GET", "/me/personal-data", "Everything that is stored about me as one file",
                self._export, answers={200: bytes}, refusals={403: "step-up-required"},
                media_type="application/json",
            ),
        ]  # fmt: skip

    async def _export(self, call: Call) -> web.StreamResponse:
        return await _FILE.send(call.request, self.data.of(call.caller))
