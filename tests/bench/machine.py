"""On what a benchmark ran: the machine and the versions of everything that counts."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aio_pika
import psutil
from pymongo import MongoClient
from redis import Redis

from deploy.local.servers import ROOT
from tests.stack import Stack

_PACKAGES = (
    *("aiohttp", "uvloop", "pymongo", "redis", "hiredis", "faststream", "aio-pika"),
    *("pydantic", "argon2-cffi", "argon2-cffi-bindings", "orjson"),
)


async def described(stack: Stack) -> dict[str, Any]:
    """Return what is known of the machine, the servers and the packages."""
    return described_here(await _servers(stack))


def described_here(servers: dict[str, str]) -> dict[str, Any]:
    """Return what is known of the machine and the packages, beside the servers' versions."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": platform.platform(),
            "load_average_before": round(os.getloadavg()[0], 2),
        },
        "versions": {
            "python": platform.python_version(),
            **servers,
            **{name: version(name) for name in _PACKAGES},
        },
    }


def _processor() -> str:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return models[0] if models else platform.machine()


def _commit() -> str:
    argv = ("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    found = subprocess.run(argv, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


async def _servers(stack: Stack) -> dict[str, str]:
    with MongoClient[dict[str, Any]](stack.mongo_url) as mongo:
        mongod = str(mongo.server_info()["version"])
    with Redis.from_url(stack.redis_url) as redis:
        told: Any = redis.info("server")
    valkey = str(told.get("valkey_version") or told["redis_version"])
    return {"mongod": mongod, "valkey": valkey, "rabbitmq": await _rabbitmq(stack.rabbitmq_url)}


async def _rabbitmq(url: str) -> str:
    async with await aio_pika.connect(url) as connection:
        transport = connection.transport
        properties = getattr(getattr(transport, "connection", None), "server_properties", {})
    return str(properties.get("version", "unknown"))
