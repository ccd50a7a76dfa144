"""What this service keeps of people, and where."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import orjson

from services.credentials.keyring import Keyring, Unsealable
from services.credentials.method import place_of
from services.credentials.model import change_guesses, sign_in_guesses
from shared.contracts.events import LockCause
from shared.epochs import Epochs
from shared.mongo import Database, Document
from shared.personal_data import Holding

_METHOD = (
    "id", "kind", "label", "hint", "created_at", "last_used_at", "proved", "questions",
    "passkey.transports", "passkey.attachment", "passkey.multi_device", "passkey.backed_up",
    "passkey.sign_count",
)  # fmt: skip
_SECRET = ("sealed", "codes", "mark", "passkey.credential_id", "passkey.public_key")


@dataclass(frozen=True)
class CredentialHoldings:
    """An account, its methods, and what is counted and owed of both.

    What was guessed at stands under keyed hashes; those of the password are found by the user ID,
    and the others are forgotten within two days.
    """

    database: Database
    epochs: Epochs
    keyring: Keyring
    pepper: bytes

    async def of(self, sub: str) -> Sequence[Holding]:
        """Return where the subject's data are."""
        account = await self.database["passwords"].find_one({"_id": sub}, {"user_id": 1})
        user_id = account["user_id"] if account else None
        return (
            Holding(
                "account", self.database["passwords"], {"_id": sub},
                ("user_id", "organization", "temporary", "version", "changed_at", "deleted",
                 "deleted_at", "disabled_receipt"),
                secret=("verifier", "former"),
            ),
            Holding(
                "epoch", self.epochs.database["epochs"], {"_id": sub}, ("epoch", "guarded"),
                outlasts=True,
            ),
            Holding(
                "methods", self.database["security_info"], {"_id": sub},
                ("default", "must_register", "confirmed_at", "asked", "asked_for_reset",
                 "last_change", "languages", *(f"methods.{name}" for name in _METHOD)),
                secret=tuple(f"methods.{name}" for name in _SECRET), opened=self._opened,
            ),
            Holding(
                "mails-owed-to-removed-addresses", self.database["address_notices"], {"sub": sub},
                ("cause", "at", "attempts"), secret=("sealed",),
            ),
            Holding(
                "wrong-guesses", self.database["guesses"], self._guesses(sub, user_id),
                ("failures", "locks", "locked_until", "forget_at"), secret=("recent",),
            ),
            Holding(
                "locks-told", self.database["locks_told"],
                {"_id": {"$in": [f"{sub} {cause}" for cause in get_args(LockCause)]}},
                ("_id", "at"),
            ),
            Holding(
                "resets", self.database["resets"], _begun_by(sub, user_id),
                ("user_id", "proved", "ends_at", "receipt"),
            ),
        )  # fmt: skip

    def _guesses(self, sub: str, user_id: str | None) -> Document:
        keys = [change_guesses(self.pepper, sub).key]
        if user_id is not None:
            familiar = (False, True)
            keys += [sign_in_guesses(self.pepper, user_id, familiar=each).key for each in familiar]
        return {"$or": [{"_id": {"$in": keys}}, {"untold.sub": sub}]}

    def _opened(self, document: Document) -> Document:
        methods = [each | self._own(document["_id"], each) for each in document["methods"]]
        return document | {"methods": methods}

    def _own(self, sub: str, method: Document) -> Document:
        """Return what a method's questions ask, if it has any."""
        if method["kind"] != "security-questions":
            return {}
        try:
            opened = self.keyring.open(place_of(sub, method["id"]), method["sealed"])
        except Unsealable:
            # The key is gone, and nobody can read them any more.
            return {}
        asked: list[Any] = orjson.loads(opened)
        return {"questions": [question for question, _ in asked]}


def _begun_by(sub: str, user_id: str | None) -> Document:
    named = [{"user_id": user_id}] if user_id is not None else []
    return {"$or": [{"sub": sub}, *named]}
