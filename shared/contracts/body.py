"""What every body between services has in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, SecretStr

Sub = str
Sid = str

# A secret is hidden wherever it is printed or logged, and travels only as JSON to
# the one service that needs it.
Secret = Annotated[SecretStr, PlainSerializer(SecretStr.get_secret_value, when_used="json")]


class Contract(BaseModel):
    """A body that travels between services; unknown fields are a mistake."""

    # Most services use few of them, so each is built when it comes up first: 2 MiB less.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Done(Contract):
    """Nothing more to say than that it was done."""
