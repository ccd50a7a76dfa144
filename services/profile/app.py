"""Composition root of the profile service."""

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from services.profile.audit import Audit, AuditInspection
from services.profile.config import ProfileConfig
from services.profile.erasures import Erasures, recorded
from services.profile.mongo import MongoPeopleStore
from services.profile.mongo_audit import MongoAuditStore
from services.profile.mongo_memberships import MongoMembershipStore
from services.profile.mongo_notices import MongoNoticeStore
from services.profile.mongo_personal_data import MongoErasureStore, holdings
from services.profile.mongo_terms import MongoTermsStore
from services.profile.notices import TEXTS, Notices
from services.profile.organizations import Organizations
from services.profile.organizations_admin import OrganizationsAdministration
from services.profile.people import People
from services.profile.portal_policy import PortalPolicies
from services.profile.routes import (
    organization_routes,
    personal_data_routes,
    routes,
    terms_routes,
)
from services.profile.subscribers import subscribe
from services.profile.terms import Terms
from services.profile.terms_admin import TermsAdministration
from services.profile.trail import Seal
from services.profile.users import Users
from shared.clock import SystemClock
from shared.contracts.personal_data import Keeper
from shared.mail import domain_of
from shared.personal_data import PersonalData
from shared.service import Service, application
from shared.smtp import SmtpMailer
from shared.texts import Catalogues
from shared.wiring import Wiring

NAME: Keeper = "profile"


@dataclass(frozen=True)
class _Wired:
    """What the service and its commands are made of."""

    wiring: Wiring
    people: MongoPeopleStore
    store: MongoNoticeStore
    notices: Notices
    trail: MongoAuditStore
    audit: Audit
    known: People
    users: Users
    portal_policies: PortalPolicies
    terms: MongoTermsStore
    erased: MongoErasureStore
    erasures: Erasures
    data: PersonalData
    memberships: MongoMembershipStore

    @classmethod
    def of(cls, config: ProfileConfig) -> Self:
        wiring = Wiring.of(NAME, config)
        people = MongoPeopleStore(wiring.database, wiring.transactions)
        store = MongoNoticeStore(wiring.database, wiring.epochs, wiring.transactions)
        notices = Notices(
            store=store,
            people=people,
            mailer=SmtpMailer(config.smtp_host, config.smtp_port, config.mail_from),
            texts=Catalogues.load(TEXTS),
            portal_url=config.public_url,
            domain=domain_of(config.mail_from),
        )
        seal = Seal(config.audit_key.get_secret_value().encode())
        trail = MongoAuditStore(wiring.database, wiring.transactions, seal)
        known = People(people, SystemClock())
        audit = Audit(trail, people, SystemClock())
        users = Users(people, known, SystemClock())
        policies = PortalPolicies(people, known, SystemClock())
        terms = MongoTermsStore(wiring.database, wiring.transactions, wiring.epochs)
        memberships = MongoMembershipStore(wiring.database, transactions=wiring.transactions)
        erased = MongoErasureStore(wiring.database, wiring.transactions)
        erasures = Erasures(erased, SystemClock())
        kept = holdings(wiring.database)
        data = PersonalData(NAME, kept, wiring.transactions, SystemClock())
        subscribe(wiring.bus, notices, audit, users, erasures, data)
        return cls(
            wiring, people, store, notices, trail, audit, known, users, policies, terms, erased,
            erasures, data, memberships,
        )  # fmt: skip


def build_service(config: ProfileConfig) -> Service:
    """Return the service, ready to run."""
    wired = _Wired.of(config)
    wiring, notices = wired.wiring, wired.notices
    app = application(NAME, config, wiring.is_outage)
    app.add_routes(routes(wired.known, wired.users, wired.audit, wired.portal_policies))
    administration = TermsAdministration(wired.terms, wired.people, SystemClock())
    app.add_routes(terms_routes(Terms(wired.terms), administration))
    app.add_routes(personal_data_routes(wired.data, wired.erasures))
    kept = (wired.memberships, wired.people, SystemClock())
    app.add_routes(organization_routes(Organizations(*kept), OrganizationsAdministration(*kept)))

    async def catch_up() -> None:
        seen: datetime | None = None
        while True:
            seen = await notices.owe_missed(seen)
            await asyncio.sleep(config.catch_up_seconds)

    return wiring.service(app, tasks=[notices.keep_sending, catch_up, wired.erasures.keep_working])


async def verify_audit(config: ProfileConfig) -> bool:
    """Go through the audit trail of every organization, say how it is, and return if all is well.

    What is said of the last entry is worth keeping elsewhere: a later run says it again, of an
    entry that is still there.
    """
    trail, is_intact = _Wired.of(config).trail, True
    async for each in AuditInspection(trail, trail.seal).all():
        is_intact = is_intact and not each.faults
        for fault in each.faults:
            sys.stdout.write(f"{each.organization}: entry {fault.sequence} {fault.wrong}\n")
        how = f"{len(each.faults)} wrong" if each.faults else "intact"
        last = f"the last is {each.hash}" if each.hash else "there is no last one"
        sys.stdout.write(f"{each.organization}: {each.entries} entries, {how}, {last}\n")
    return is_intact


async def list_erasures(config: ProfileConfig) -> None:
    """Write who was erased, a line each: the subject, when it was asked for, who has to confirm."""
    async for each in _Wired.of(config).erasures.all():
        waits = ",".join(each.waits_for) or "-"
        sys.stdout.write(f"{each.sub}\t{each.asked_at.isoformat()}\t{waits}\n")


async def erase_again(config: ProfileConfig, lines: Iterable[str]) -> int:
    """Have erased whoever stands in such lines, and return how many these are.

    Raise `NoRecordError`, and erase nobody, where one of them is something else.
    """
    subs = recorded(lines)
    await _Wired.of(config).erasures.repeat(subs)
    return len(subs)


async def install(config: ProfileConfig) -> None:
    """Apply indexes and topology. Safe to run twice."""
    wired = _Wired.of(config)
    await wired.people.install()
    await wired.store.install()
    await wired.trail.install()
    await wired.terms.install()
    await wired.erased.install()
    await wired.memberships.install()
    await wired.wiring.bus.install()
