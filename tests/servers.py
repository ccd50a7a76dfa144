"""The servers that tests run against, as fixtures; a plugin: `pytest -p tests.servers`.

Containers where a Docker engine answers and has, or can pull, the images; elsewhere the same
servers as plain processes. TEST_SERVERS=native or TEST_SERVERS=containers decides it.
"""

import gc
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from uuid import uuid4

import pytest
import redis
from pymongo import MongoClient

from deploy.local import servers as native
from deploy.local.ports import free
from tests.stack import Launcher, NotReadyError

# testcontainers reads it when it is imported. Its reaper is one more image to
# pull, and the fixture ends what it started itself.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

MONGO_IMAGE = os.environ.get("MONGO_IMAGE", "mongo:7.0")
REDIS_IMAGE = os.environ.get("REDIS_IMAGE", "valkey/valkey:8-alpine")
RABBITMQ_IMAGE = os.environ.get("RABBITMQ_IMAGE", "rabbitmq:3.13")
PATIENCE = 90.0


@dataclass(frozen=True)
class Servers:
    """Where the three servers are, for the whole test run."""

    mongo_url: str
    redis_url: str
    rabbitmq_url: str


@cache
def choice() -> str:
    """Say where the servers run: `native` or `containers`."""
    forced = os.environ.get("TEST_SERVERS")
    if forced:
        return forced
    return "containers" if _images_are_there() else "native"


def pytest_report_header() -> str:
    """Tell the reader of a test run which servers it used."""
    return f"servers: {choice()}"


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Run MongoDB (a replica set), Redis and RabbitMQ for the session."""
    start = {"native": _as_processes, "containers": _as_containers}[choice()]
    with start() as started:
        yield started


@pytest.fixture(scope="session")
def mongo_url(servers: Servers) -> str:
    """Give the URL of a MongoDB that has transactions."""
    return servers.mongo_url


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> str:
    """Give the URL of a Redis, in which other tests may have left something."""
    return servers.redis_url


@pytest.fixture(scope="session")
def rabbitmq_url(servers: Servers) -> str:
    """Give the URL of a broker, on which other tests may have left something."""
    return servers.rabbitmq_url


@pytest.fixture
def database_prefix(mongo_url: str) -> Iterator[str]:
    """Give a test a prefix for its databases' names, and drop them when it ends."""
    prefix = f"t{uuid4().hex[:12]}_"
    yield prefix
    with MongoClient[dict[str, object]](mongo_url) as client:
        for name in client.list_database_names():
            if name.startswith(prefix):
                client.drop_database(name)


@pytest.fixture
def empty_redis_url(redis_url: str) -> str:
    """Give the URL of a Redis that has just been emptied."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    return redis_url


@contextmanager
def _as_processes() -> Iterator[Servers]:
    ports = free()
    with Launcher() as launcher:
        launcher.start_servers(ports)
        yield Servers(
            native.mongo_url(ports["mongo"]),
            native.redis_url(ports["redis"]),
            native.rabbitmq_url(ports["rabbitmq"]),
        )


@contextmanager
def _as_containers() -> Iterator[Servers]:
    # The servers are started past the images' own start scripts, so that any image
    # that has them will do: nothing here needs an account or a disk.
    mongod = f"exec mongod --replSet {native.REPLICA_SET} --bind_ip_all"
    valkey = "exec $(command -v valkey-server redis-server) --save '' --protected-mode no"
    open_to_guest = {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-rabbit loopback_users []"}
    with ExitStack() as running:
        host, mongo = _container(running, MONGO_IMAGE, 27017, mongod)
        _, cache_port = _container(running, REDIS_IMAGE, 6379, valkey)
        _, broker = _container(running, RABBITMQ_IMAGE, 5672, "exec rabbitmq-server", open_to_guest)
        address, member = f"{host}:{mongo}", "localhost:27017"
        _await(MONGO_IMAGE, lambda: native.takes_writes(address, member=member))
        _await(REDIS_IMAGE, lambda: native.replies(cache_port, b"PING\r\n", b"+PONG", host=host))
        _await(RABBITMQ_IMAGE, lambda: native.speaks_amqp(host, broker))
        yield Servers(
            f"mongodb://{address}/?directConnection=true",
            f"redis://{host}:{cache_port}/0",
            f"amqp://guest:guest@{host}:{broker}/",
        )


def _container(
    running: ExitStack, image: str, port: int, script: str, env: Mapping[str, str] | None = None
) -> tuple[str, int]:
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415

    container = (
        DockerContainer(image, env=dict(env or {}))
        .with_exposed_ports(port)
        .with_kwargs(entrypoint=["sh", "-c"])
        .with_command([script])
    )
    started = running.enter_context(container)
    return started.get_container_host_ip(), started.get_exposed_port(port)


def _await(image: str, ready: Callable[[], bool]) -> None:
    program = native.Program(image, (), ready)
    if native.wait_ready([program], PATIENCE):
        raise NotReadyError(f"The container of {image} did not become ready.")


def _images_are_there() -> bool:
    from docker.errors import DockerException  # type: ignore[import-untyped]  # noqa: PLC0415
    from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415

    with warnings.catch_warnings():
        # The client leaves its socket open where no engine answers. It is collected here,
        # or its warning would fail whichever test happens to run at that moment.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            images = DockerClient().client.images
            here = {tag for image in images.list() for tag in image.tags}
            for image in {MONGO_IMAGE, REDIS_IMAGE, RABBITMQ_IMAGE} - here:
                images.pull(image)
            found = True
        except (DockerException, OSError):
            found = False
        gc.collect()
    return found
