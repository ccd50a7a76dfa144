"""What a new password must meet, and how strong it is."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from zxcvbn import zxcvbn

from services.credentials.blocklist import Blocklist
from services.credentials.errors import PasswordRefused
from services.credentials.model import PasswordPolicy, prepared
from services.credentials.pool import Pool
from shared.contracts.credentials import PasswordReport, Words

_RATED_LENGTH = 48
"""Characters that are rated: the estimate takes time that grows with the square of the length."""
_REPEATED = re.compile(r"(.{1,24}?)\1{2,}", re.DOTALL)
_SHORTEST_WORD = 4
_SHORTEST_BANNED = 3
_UNGUESSABLE_REST = 8
"""This many characters beside somebody's name make a password no longer theirs by name."""

_TURN_SECONDS = 0.001
_QUEUE, _FOR_CHANGES = 20, 10
"""A rating takes 5 ms and at worst 70, so who waits for all of these waits about a second."""


def _one_at_a_time() -> Pool:
    # The estimator keeps the names that it was told in a table which all threads share. It is
    # pure Python besides, so a second thread would not make it faster.
    return Pool("zxcvbn", threads=1, queue=_QUEUE, begin=_take_short_turns)


def _take_short_turns() -> None:
    # Only one thread of a process runs Python at a time. Unless told otherwise the event loop
    # would wait 5 ms for each of its turns while a password is rated.
    sys.setswitchinterval(_TURN_SECONDS)


@dataclass(frozen=True)
class PasswordRules:
    """Rate passwords and refuse weak ones, with all reasons at once."""

    policy: PasswordPolicy
    blocklist: Blocklist
    pool: Pool = field(default_factory=_one_at_a_time)

    async def report(
        self, password: str, words: Words, policy: PasswordPolicy | None = None
    ) -> PasswordReport:
        """Return whether the password would be taken, its score and every reason against it."""
        # Whoever is signed in may ask at every key stroke, and must not keep others from changing.
        policy = policy or self.policy
        return await self.pool.run(
            lambda: self._report(password, words, policy), leaving=_FOR_CHANGES
        )

    async def check(
        self,
        password: str,
        words: Words,
        *,
        field: str = "new_password",
        also: Sequence[str] = (),
        policy: PasswordPolicy | None = None,
    ) -> None:
        """Raise `PasswordRefused` with every broken rule; `also` are those known to be broken."""
        policy = policy or self.policy
        report = await self.pool.run(lambda: self._report(password, words, policy))
        if reasons := [*report.reasons, *also]:
            raise PasswordRefused(reasons, field=field)

    def _report(self, password: str, words: Words, policy: PasswordPolicy) -> PasswordReport:
        fit = prepared(password)
        if fit is None:
            too_short = ["too-short"] if not password else ["unusable-characters"]
            return PasswordReport(acceptable=False, score=0, reasons=tuple(too_short))
        score = _score(_telling(fit[: policy.maximum_length]), words)
        broken = {
            "too-short": len(fit) < policy.minimum_length,
            "too-long": len(fit) > policy.maximum_length,
            "breached": self.blocklist.contains(fit),
            "contains-your-name": _built_from(fit, words.own, beside=words.organization),
            "contains-organization-name": _built_from(fit, words.organization, beside=words.own),
            "banned": _built_from(fit, policy.banned, whole=_SHORTEST_BANNED),
            "too-guessable": score < policy.minimum_score,
        }
        reasons = tuple(reason for reason, is_broken in broken.items() if is_broken)
        return PasswordReport(acceptable=not reasons, score=score, reasons=reasons)


def _score(password: str, words: Words) -> int:
    known = [part for word in (*words.own, *words.organization) for part in _parts(word)]
    return int(zxcvbn(password, user_inputs=known)["score"])


def _telling(password: str) -> str:
    """Return the part of a password that is rated, which is no harder to guess than the whole."""
    # What is said again and again is said twice, which the estimator knows for a repetition.
    # Cut off in the middle of one it would look like something new.
    while len(password) > _RATED_LENGTH and _REPEATED.search(password):
        password = _REPEATED.sub(r"\1\1", password)
    return password[:_RATED_LENGTH]


def _parts(word: str, whole: int = _SHORTEST_WORD) -> list[str]:
    """Return a name's parts that are long enough to mean somebody, longest first.

    As a `whole` it may be shorter.
    """
    separated = "".join(c if c.isalnum() else " " for c in word.casefold()).split()
    parts = {each for each in separated if len(each) >= _SHORTEST_WORD}
    if len(letters := _letters(word)) >= whole:
        parts.add(letters)
    return sorted(parts, key=len, reverse=True)


def _built_from(
    password: str,
    words: Sequence[str],
    *,
    beside: Sequence[str] = (),
    whole: int = _SHORTEST_WORD,
) -> bool:
    """Tell whether a password holds one of the words and little else.

    The words `beside` count as little: an address is its owner's name and their organization's.
    """
    # What stands between the words does not make them another's: Ada.Marsh is Ada Marsh.
    letters = rest = _letters(password)
    own = {part for word in words for part in _parts(word, whole)}
    others = {part for word in beside for part in _parts(word)}
    for part in sorted(own | others, key=len, reverse=True):
        rest = rest.replace(part, "")
    return any(part in letters for part in own) and len(rest) < _UNGUESSABLE_REST


def can_be_banned(word: str) -> bool:
    """Tell whether a word is one by which any password could be known."""
    return bool(_parts(word, _SHORTEST_BANNED))


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
