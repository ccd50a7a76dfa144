"""Organizations' policies."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

from services.credentials.method_policy import MethodPolicy
from services.credentials.model import PasswordPolicy
from services.credentials.reset_policy import ResetPolicy
from shared.contracts import policy as contract
from shared.contracts.policy import Kept, UsualReconfirmDays
from shared.mongo import Database, Document
from shared.policies import Replaced, Telling
from shared.transactions import Transactions
from shared.versions import VersionedDocuments

_VERSIONS = {"version", "trust_version"}
"""They rise with what is replaced, and are nothing that anybody puts."""


class _Versioned(Protocol):
    """A policy that says which version it is."""

    def as_contract(self) -> Kept:
        """Return it as others see it."""
        ...


P = TypeVar("P", bound=_Versioned)


@dataclass(frozen=True)
class _OnePerOrganization(Generic[P]):
    """Policies of which each is a document under a version."""

    collection: ClassVar[str]
    database: Database
    transactions: Transactions

    async def install(self) -> None:
        """Create the collection. Safe to run twice."""
        await self._policies.install()

    async def put_policy(
        self,
        organization: str,
        policy: P,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Replace the document."""
        values = policy.as_contract().model_dump(mode="json", exclude={"version"})
        return await self._policies.replace(organization, values, replaces=replaces, told=told)

    async def _found(self, organization: str) -> Document | None:
        found: Document | None = await self._policies.collection.find_one({"_id": organization})
        return found

    @property
    def _policies(self) -> VersionedDocuments:
        return VersionedDocuments(self.database[self.collection], self.transactions)


class MongoPolicyStore(_OnePerOrganization[MethodPolicy]):
    """One document per organization; whose account it is stands beside the password."""

    collection = "policies"

    async def policy_of(self, organization: str) -> MethodPolicy:
        """Read the document."""
        found = await self._found(organization)
        if found is None:
            return MethodPolicy()
        return MethodPolicy.of(
            found["allowed"],
            found["second_factor"],
            found["trust_days"],
            # What came with a later version is not in the documents of before it.
            found.get("trust_version", 0),
            found.get("skip_days", 0),
            found.get("reconfirm_days", UsualReconfirmDays),
            found.get("version", 0),
        )

    async def put_policy(
        self,
        organization: str,
        policy: MethodPolicy,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Replace the document, all but the versions, which only rise."""
        document = policy.as_contract().model_dump(mode="json", exclude=_VERSIONS)
        rise = 0 if policy.trust_days else 1
        trust_version = {"$add": [{"$ifNull": ["$trust_version", 0]}, rise]}
        return await self._policies.replace(
            organization,
            document,
            replaces=replaces,
            told=told,
            besides={"trust_version": trust_version},
        )

    async def organization_of(self, sub: str) -> str | None:
        """Read it alone."""
        found = await self.database["passwords"].find_one({"_id": sub}, {"organization": 1})
        return found.get("organization") if found else None

    async def adopt(self, sub: str, user_id: str, organization: str) -> None:
        """Set what is not there."""
        await self.database["passwords"].update_one(
            {"_id": sub, "user_id": user_id, "organization": None},
            {"$set": {"organization": organization}},
        )


class MongoResetPolicyStore(_OnePerOrganization[ResetPolicy]):
    """What is asked for where a password is forgotten."""

    collection = "reset_policies"

    async def policy_of(self, organization: str) -> ResetPolicy:
        """Read the document."""
        found = await self._found(organization)
        if found is None:
            return ResetPolicy()
        # What came with a later version is not in the documents of before it, nor known here.
        names = contract.ResetPolicy.model_fields
        said = {name: value for name, value in found.items() if name in names}
        return ResetPolicy.of(contract.ResetPolicy(**said), found["version"])


class MongoPasswordPolicyStore(_OnePerOrganization[PasswordPolicy]):
    """What new passwords must meet."""

    collection = "password_policies"

    async def policy_of(self, organization: str) -> PasswordPolicy | None:
        """Read the document."""
        found = await self._found(organization)
        if found is None:
            return None
        return PasswordPolicy(
            minimum_length=found["minimum_length"],
            minimum_length_with_factor=found["minimum_length_with_factor"],
            history=found["history"],
            banned=tuple(found["banned"]),
            version=found["version"],
        )
