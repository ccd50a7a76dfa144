"""Recovery codes, for when every other factor is away (NIST SP 800-63B-4, 3.1.2)."""

from dataclasses import dataclass, replace

from pydantic import SecretStr

from services.credentials import letters
from services.credentials.kinds import MethodChanges, Shown
from services.credentials.method import Method, new_id
from services.credentials.methods import Changed, SecurityInfo
from services.credentials.model import fingerprint
from shared.clock import Clock
from shared.contracts import methods as contract
from shared.contracts.methods import BeginChallenge, ChallengeBegun, MakeRecoveryCodes

Number = 10
_GROUPS, _SIGNS = 2, 6


def fresh() -> tuple[str, ...]:
    """Return new codes of 58 random bits each, in groups that are easy to type."""
    return tuple(letters.drawn(_GROUPS, _SIGNS) for _ in range(Number))


def stored(pepper: bytes, sub: str, code: str) -> str:
    """Return how a code is stored: a keyed hash, whatever case and separators it is typed in."""
    return fingerprint(pepper, "recovery-code", sub, letters.signs_in(code))


@dataclass(frozen=True)
class RecoveryCodes:
    """Codes that stand in for a factor, each once."""

    changes: MethodChanges
    clock: Clock
    pepper: bytes
    amr: str = "otp"

    async def make(self, asked: MakeRecoveryCodes) -> contract.RecoveryCodes:
        """Make new codes; the older ones stop working."""
        (await self.changes.policy(asked.sub)).require("recovery-codes")
        codes = fresh()
        new = Method(
            id=new_id(),
            kind="recovery-codes",
            label="",
            created_at=self.clock.now(),
            proved=True,
            codes=tuple(stored(self.pepper, asked.sub, each) for each in codes),
        )

        def made(info: SecurityInfo) -> Changed:
            after, older = info.with_recovery_codes(new), info.recovery_codes
            if older is None:
                return Changed(after, new, "create")
            # What was signed in with an older code ends with it, as with a factor that is replaced.
            return Changed(after, replace(new, instead_of=older.id), "update", kept=asked.sid)

        done = await self.changes.make(asked.sub, made)
        return contract.RecoveryCodes(
            id=new.id,
            codes=tuple(SecretStr(each) for each in codes),
            gone=done.gone,
            revision=done.revision,
        )

    async def begin(self, _method: Method, _asked: BeginChallenge) -> ChallengeBegun:
        """Do nothing: the codes are on paper."""
        return ChallengeBegun()

    async def admit(self, _method: Method, _shown: Shown) -> None:
        """Do nothing: the code is used up where it is taken."""

    def took(self, method: Method, shown: Shown) -> Method:
        """Take the code out of those that are left."""
        return method.took_code(stored(self.pepper, shown.sub, shown.answer), shown.at)
