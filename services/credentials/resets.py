"""A password that is being reset, and its rules. Nothing here reads or writes anything."""

from dataclasses import dataclass, replace
from typing import Literal

from shared.contracts.methods import Kind

Refused = Literal["unknown", "disabled", "not-enabled", "not-registered", "locked", "throttled"]
"""Why somebody cannot reset a password by themselves, which they are never told."""


@dataclass(frozen=True)
class Reset:
    """A reset as it is kept, under a name that its id and the client that began it make together.

    It rests on the `epoch`, on a version of the policy and one of the methods, and ends with either
    of them. `asked` is the method whose answer is waited for, with the places of the questions that
    were `drawn` if it is these, and `proved` are the kinds that were shown. `receipt` is there once
    it is done. `revision` guards against two steps at once.
    """

    id: str
    sub: str
    user_id: str
    organization: str | None = None
    epoch: int = 0
    policy_version: int = 0
    methods_version: int = 0
    is_admin: bool = False
    refused: Refused | None = None
    asked: str | None = None
    drawn: tuple[int, ...] = ()
    proved: tuple[Kind, ...] = ()
    receipt: str | None = None
    revision: int = 0

    @property
    def binding(self) -> str:
        """Return what its codes are sent for, so that they are worth nothing elsewhere."""
        return f"reset {self.id}"

    def on(self, method_id: str, drawn: tuple[int, ...] = ()) -> "Reset":
        """Return it waiting for an answer by this method, or to the questions that were drawn."""
        return replace(self, asked=method_id, drawn=drawn)

    def answered(self, kind: Kind, methods_version: int) -> "Reset":
        """Return it after a proof, which made this version of the methods."""
        return replace(
            self,
            asked=None,
            drawn=(),
            proved=(*self.proved, kind),
            methods_version=methods_version,
        )
