"""HTTP contract between the gateway and the credentials service, for app passwords."""

from pydantic import Field

from shared.contracts.body import Contract, Secret, Sub
from shared.contracts.credentials import LongestPassword
from shared.contracts.methods import LongestLabel


class MakeAppPassword(Contract):
    """Make an app password, in a session that was begun under `epoch`."""

    sub: Sub
    label: str = Field(min_length=1, max_length=LongestLabel)
    epoch: int = Field(ge=1)


class AppPassword(Contract):
    """A new app password, said once. `revision` is that of its owner's methods with it."""

    id: str
    password: Secret
    revision: int = 0


class CheckAppPassword(Contract):
    """Try an app password, for a server that cannot ask for a second factor.

    `address` is where it says that its own client is.
    """

    user_id: str = Field(max_length=256)
    app_password: Secret = Field(max_length=LongestPassword)
    address: str | None = Field(default=None, max_length=64)


class AppPasswordAccepted(Contract):
    """Whose app password it is, and which."""

    sub: Sub
    user_id: str
    method_id: str
    label: str
