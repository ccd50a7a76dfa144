"""The part of the API's table for servers that are given app passwords."""

from dataclasses import dataclass

from services.gateway.api.method_bodies import CheckAppPasswordBody
from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.security_info import SecurityInfo
from shared.contracts.app_passwords import AppPasswordAccepted, CheckAppPassword


@dataclass(frozen=True)
class AppPasswordApi:
    """The operation, over one flow."""

    security_info: SecurityInfo

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        return [
            # An answer that was kept would outlive the password that it is about.
            Operation(
                "POST", "/app-passwords/check", "Whose app password it is", self._check, "server",
                CheckAppPasswordBody, {200: AppPasswordAccepted},
                {401: "app-password-refused", 429: "sign-in-throttled", 503: "too-busy"},
                repeats=False,
            ),
        ]  # fmt: skip

    async def _check(self, call: Call) -> Answer:
        body = call.body(CheckAppPasswordBody)
        asked = CheckAppPassword(
            user_id=body.user_id, app_password=body.app_password, address=body.address
        )
        return Answer(await self.security_info.check_app_password(asked))
