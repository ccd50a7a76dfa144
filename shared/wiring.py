"""The collaborators that every service with a store has, put together once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pymongo
from aiohttp import web
from pydantic import SecretStr

from shared import cache as leased
from shared.broker import Bus
from shared.cache import AcceptanceCache
from shared.clock import SystemClock
from shared.epochs import Epochs
from shared.inbox import Inbox
from shared.mongo import Client, Database, connect, is_outage
from shared.outbox import Outbox
from shared.parking import Parking
from shared.service import Service, Task
from shared.transactions import Transactions

_READY_SECONDS = 1.0


class Servers(Protocol):
    """The settings that say where the servers are."""

    @property
    def mongo_url(self) -> SecretStr:
        """Where MongoDB is."""
        ...

    @property
    def redis_url(self) -> SecretStr:
        """Where Redis is."""
        ...

    @property
    def rabbitmq_url(self) -> SecretStr:
        """Where RabbitMQ is."""
        ...

    @property
    def database_prefix(self) -> str:
        """What the names of the databases begin with."""
        ...


@dataclass(frozen=True)
class Wiring:
    """One service's store, bus, cache and epochs."""

    name: str
    client: Client
    database: Database
    cache: AcceptanceCache
    epochs: Epochs
    bus: Bus
    transactions: Transactions

    @classmethod
    def of(cls, name: str, servers: Servers) -> "Wiring":
        """Build everything; nothing is connected yet."""
        client = connect(servers.mongo_url.get_secret_value())
        database = client[f"{servers.database_prefix}{name}"]
        cache = AcceptanceCache(leased.connect(servers.redis_url.get_secret_value()), SystemClock())
        bus = Bus(servers.rabbitmq_url.get_secret_value(), name, is_outage)
        outbox = Outbox(database, bus, name)
        return cls(
            name=name,
            client=client,
            database=database,
            cache=cache,
            epochs=Epochs(client[f"{servers.database_prefix}epochs"], cache),
            bus=bus,
            transactions=Transactions(client, outbox, Inbox(database)),
        )

    @staticmethod
    def is_outage(error: BaseException) -> bool:
        """Tell a store that does not answer from a mistake of ours."""
        return is_outage(error)

    def service(self, app: web.Application, *, tasks: Sequence[Task] = ()) -> Service:
        """Return the service with the bus, the relay and the count of what is parked beside it."""
        # Once the tasks have ended: until then they use what is closed by it.
        app.on_cleanup.append(self._disconnect)
        return Service(
            self.name,
            app,
            tasks=[
                self.bus.run,
                *self.transactions.outbox.tasks,
                Parking(self.bus).watch,
                *tasks,
            ],
            needs={"mongodb": self._mongo_answers},
            wants={"redis": self.cache.answers},
            missing=self.bus.missing,
            stops=[self.bus.drain, self.transactions.outbox.flush, self.bus.stop],
        )

    async def _mongo_answers(self) -> bool:
        try:
            with pymongo.timeout(_READY_SECONDS):
                await self.client.admin.command("ping")
        except pymongo.errors.PyMongoError:
            return False
        return True

    async def _disconnect(self, _app: web.Application) -> None:
        await self.cache.redis.aclose()
        await self.client.close()
