"""Composition root of the profile service."""

import asyncio
from datetime import datetime

from services.profile.config import ProfileConfig
from services.profile.mongo import MongoNoticeStore, MongoPeopleStore
from services.profile.notices import Notices
from services.profile.people import People
from services.profile.routes import routes
from services.profile.subscribers import subscribe
from shared.clock import SystemClock
from shared.mail import domain_of
from shared.service import Service, application
from shared.smtp import SmtpMailer
from shared.texts import Catalogues
from shared.wiring import Wiring

NAME = "profile"


def _wired(config: ProfileConfig) -> tuple[Wiring, MongoPeopleStore, MongoNoticeStore, Notices]:
    wiring = Wiring.of(NAME, config)
    people = MongoPeopleStore(wiring.database)
    store = MongoNoticeStore(wiring.database, wiring.epochs, wiring.transactions)
    notices = Notices(
        store=store,
        people=people,
        mailer=SmtpMailer(config.smtp_host, config.smtp_port, config.mail_from),
        texts=Catalogues.load(),
        portal_url=config.public_url,
        domain=domain_of(config.mail_from),
    )
    subscribe(wiring.bus, notices)
    return wiring, people, store, notices


def build_service(config: ProfileConfig) -> Service:
    """Return the service, ready to run."""
    wiring, people, _, notices = _wired(config)
    app = application(NAME, config, wiring.is_outage)
    app.add_routes(routes(People(people, SystemClock())))

    async def catch_up() -> None:
        seen: datetime | None = None
        while True:
            seen = await notices.owe_missed(seen)
            await asyncio.sleep(config.catch_up_seconds)

    return wiring.service(app, tasks=[notices.keep_sending, catch_up])


async def install(config: ProfileConfig) -> None:
    """Apply indexes and topology. Safe to run twice."""
    wiring, people, store, _ = _wired(config)
    await people.install()
    await store.install()
    await wiring.bus.install()
