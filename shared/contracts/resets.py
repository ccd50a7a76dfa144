"""HTTP contract between the gateway and the credentials service, for passwords that are reset."""

from typing import Literal

from pydantic import Field

from shared.contracts.body import Contract, Secret, Sub
from shared.contracts.credentials import LongestPassword, Words
from shared.contracts.methods import Kind, LongestAnswer
from shared.contracts.records import OfRecord

ResetSeconds = 900
"""How long a reset may take as a whole."""
ResetStep = Literal["choose-method", "answer", "new-password", "done", "contact-helpdesk"]


class LookUpAccount(Contract):
    """Ask whose user ID it is."""

    user_id: str = Field(max_length=256)


class LookedUp(Contract):
    """Whose it is; a subject that nobody is where there is no such account."""

    sub: Sub


class BeginReset(Contract):
    """Begin to reset a password, for whichever user ID somebody says.

    `binding` stands for the reset's id and the client that began it, and finds it later.
    `for_admin` and `groups` are what the record says of the account's owner.
    """

    binding: str = Field(min_length=1, max_length=128)
    user_id: str = Field(max_length=256)
    address: str = Field(max_length=64)
    for_admin: bool = False
    groups: tuple[str, ...] = ()


class AskRegistered(OfRecord):
    """Ask whether somebody may reset their password, and has registered enough for that."""

    sub: Sub


class RegisteredForReset(Contract):
    """Whether somebody may reset their password, and has registered enough for that.

    `needed` is how many kinds are still to be registered, and `kinds` are those that may be.
    """

    enabled: bool
    registered: bool
    needed: int = 0
    kinds: tuple[Kind, ...] = ()


class ReadReset(Contract):
    """Ask how far a reset has come."""

    binding: str = Field(max_length=128)


class ResetMethod(Contract):
    """A method that may be shown, as somebody sees it who may be anybody."""

    id: str
    kind: Kind
    hint: str | None = None


class ResetState(Contract):
    """How far a reset has come: what may be shown next, and how many proofs are still needed.

    `asked` is the method that an answer is waited for, with the `questions` that are to be answered
    where it is these, and `sub` whose password it is.
    """

    state: ResetStep
    sub: Sub
    methods: tuple[ResetMethod, ...] = ()
    proofs_needed: int = 0
    asked: str | None = None
    questions: tuple[str, ...] = ()


class ChooseResetMethod(Contract):
    """Be asked for this method, in the words of a language where something is sent."""

    binding: str = Field(max_length=128)
    id: str = Field(max_length=64)
    language: str | None = Field(default=None, max_length=16)


class AnswerReset(Contract):
    """Show what was asked for: a code, or the answers to questions in JSON."""

    binding: str = Field(max_length=128)
    answer: Secret = Field(max_length=LongestAnswer)
    address: str = Field(max_length=64)


class FinishReset(Contract):
    """Set the new password. `told` are the addresses that hear of it from elsewhere.

    `for_admin` and `groups` are what the record says of its owner by now.
    """

    binding: str = Field(max_length=128)
    new_password: Secret = Field(max_length=LongestPassword)
    words: Words = Words()
    told: tuple[str, ...] = ()
    for_admin: bool | None = None
    groups: tuple[str, ...] | None = None


class AskHelpdesk(Contract):
    """Have the admins told that somebody cannot get in."""

    binding: str = Field(max_length=128)
    address: str = Field(max_length=64)
