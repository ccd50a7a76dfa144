"""HTTP contract between the gateway and the credentials service."""

from datetime import datetime

from pydantic import Field

from shared.contracts.body import Contract, Secret, Sub
from shared.contracts.methods import ChallengeAnswered, LongestAnswer, Method
from shared.contracts.records import OfRecord
from shared.contracts.trust import TrustTerms

MostDevices = 8
"""Users who may have a device of their own in one browser."""
LongestPassword = 1024
"""Characters that are read at all; the policy's own limit is lower and says so in words."""


class Words(Contract):
    """What a subject's password must not be built from: names of people and organizations."""

    own: tuple[str, ...] = ()
    organization: tuple[str, ...] = ()


class EnrollAccount(Contract):
    """Give a subject a sign-in name and, where there is one, a first password."""

    sub: Sub
    user_id: str = Field(min_length=1, max_length=256)
    password: Secret | None = Field(default=None, max_length=LongestPassword)
    temporary: bool = True
    words: Words = Words()
    # Whose account it is, which says whose policy holds.
    organization: str | None = Field(default=None, min_length=1, max_length=64)


class VerifyPassword(Contract):
    """Try a password. `familiar_sub` is whose device the client proved to hold, if any.

    Of a client that holds devices of several, `also_familiar` are the others.

    The `code` of an authenticator app, if it comes along, is tried where one would be asked for.
    What `settle_later` says of it is what `AnswerChallenge` does.
    """

    user_id: str = Field(max_length=256)
    password: Secret = Field(max_length=LongestPassword)
    address: str = Field(max_length=64)
    familiar_sub: Sub | None = None
    also_familiar: tuple[Sub, ...] = Field(default=(), max_length=MostDevices)
    code: Secret | None = Field(default=None, max_length=LongestAnswer)
    settle_later: bool = False

    def is_familiar(self, sub: str) -> bool:
        """Tell whether it comes from a device of this subject."""
        return sub in {self.familiar_sub, *self.also_familiar}


class Verified(Contract):
    """The password was right. `epoch` was read before it was tried.

    `methods` are what has to be asked for besides, the default first; none where there is no
    second factor, or none is asked for. `must_register` says that one has to be registered before
    the sign-in is complete, which can be put off until `skip_until`, if that is there. Without
    terms of `trust` no device is trusted. `asks_for_reset` says that there may be something to
    register or to confirm for resets, which the record decides. `answered` says that the code that
    came along was right, and nothing else is to be asked for.
    """

    sub: Sub
    epoch: int
    must_change: bool
    methods: tuple[Method, ...] = ()
    organization: str | None = None
    must_register: bool = False
    skip_until: datetime | None = None
    trust: TrustTerms | None = None
    asks_for_reset: bool = False
    answered: ChallengeAnswered | None = None


class AskRequirements(Contract):
    """Ask what a sign-in takes besides the password, or besides `factor`, which was shown too.

    Without a `record` nothing is asked that is for resets alone.
    """

    sub: Sub
    organization: str | None = None
    factor: str | None = Field(default=None, max_length=64)
    record: OfRecord | None = None


class Requirements(Contract):
    """What has to be asked for, registered or confirmed, before a sign-in is complete.

    Registering and confirming can be put off until `skip_until`, if that is there. What is
    registered `for_reset` need be no factor.
    """

    methods: tuple[Method, ...] = ()
    must_register: bool = False
    to_confirm: tuple[Method, ...] = ()
    skip_until: datetime | None = None
    for_reset: bool = False


class ConfirmPassword(Contract):
    """Show again that one knows one's password."""

    sub: Sub
    password: Secret = Field(max_length=LongestPassword)
    address: str = Field(max_length=64)


class ChangePassword(Contract):
    """Replace a password that its owner knows."""

    sub: Sub
    old_password: Secret = Field(max_length=LongestPassword)
    new_password: Secret = Field(max_length=LongestPassword)
    address: str = Field(max_length=64)
    words: Words = Words()


class ReplacePassword(Contract):
    """Replace a password for which something else was shown under `epoch`.

    That is the temporary one in the sign-in that it began, or a second factor in the session.
    """

    sub: Sub
    epoch: int
    new_password: Secret = Field(max_length=LongestPassword)
    words: Words = Words()


class CheckPassword(Contract):
    """Rate a password by what holds for somebody or their organization; nothing is stored."""

    password: Secret = Field(max_length=LongestPassword)
    words: Words = Words()
    sub: Sub | None = None
    organization: str | None = None


class PasswordReport(Contract):
    """Whether a password would be taken, how strong it is (0 to 4), and every reason against it."""

    acceptable: bool
    score: int
    reasons: tuple[str, ...]
