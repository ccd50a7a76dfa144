"""Prepare MongoDB for the services: `python -m deploy.mongo.prepare`, safe to run twice.

Begins the replica set of one member and makes the administrator and one user for each
service, who may use the service's own database and the shared epochs. A fresh mongod
lets an unknown caller do the first two, once, over its loopback address ("localhost
exception"), so this runs in mongod's own network namespace. Passwords come from the
environment: MONGO_ADMIN_PASSWORD, MONGO_PROFILE_PASSWORD, and so on.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure

SERVICES = ("profile", "credentials", "sessions")
SHARED_DATABASE = "epochs"
REPLICA_SET = "rs0"
ADMINISTRATOR = "admin"
URL = "mongodb://127.0.0.1/?directConnection=true"
WAIT_SECONDS = 60.0

_UNAUTHORIZED, _ALREADY_INITIALIZED, _USER_EXISTS = 13, 23, 51003

Client = MongoClient[dict[str, Any]]


def connect(password: str | None = None) -> Client:
    """Return a client of this mongod alone: the administrator, or nobody without a password."""
    username = ADMINISTRATOR if password else None
    return MongoClient(
        URL,
        username=username,
        password=password,
        serverSelectionTimeoutMS=2000,
        timeoutMS=10_000,
    )


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Return once the condition holds; an unreachable server counts as "not yet"."""
    last = time.monotonic() + WAIT_SECONDS
    while not _holds(condition):
        if time.monotonic() > last:
            message = f"{what}: not after {WAIT_SECONDS:.0f} s"
            raise TimeoutError(message)
        time.sleep(0.2)


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except ConnectionFailure:
        return False


def unless_done(act: Callable[[], object]) -> None:
    """Do what can be done only once. Refused for lack of rights, it was done: users exist since."""
    try:
        act()
    except OperationFailure as refusal:
        if refusal.code not in {_UNAUTHORIZED, _ALREADY_INITIALIZED, _USER_EXISTS}:
            raise


def begin_replica_set(client: Client, member: str) -> None:
    """Make this mongod the only member, known to clients under the given address."""
    members = [{"_id": 0, "host": member}]
    initiate = {"_id": REPLICA_SET, "members": members}
    unless_done(lambda: client.admin.command("replSetInitiate", initiate))
    wait_for(lambda: bool(client.admin.command("hello")["isWritablePrimary"]), "a primary")


def make_administrator(client: Client, password: str) -> None:
    """Make the first user, which ends the time in which no user is asked for."""
    user = {"createUser": ADMINISTRATOR, "pwd": password, "roles": ["root"]}
    unless_done(lambda: client.admin.command(user))


def allow_service(client: Client, service: str, password: str) -> None:
    """Give the service a user for its databases, or set the user's password and roles anew."""
    databases = (service, SHARED_DATABASE)
    roles = [{"role": "readWrite", "db": database} for database in databases]
    known = client.admin.command("usersInfo", service)["users"]
    command = "updateUser" if known else "createUser"
    client.admin.command(command, service, pwd=password, roles=roles)


def main() -> None:
    """Prepare the server, with the member's address as the one argument."""
    member = sys.argv[1]
    administrator = os.environ["MONGO_ADMIN_PASSWORD"]
    with connect() as unknown:
        wait_for(lambda: bool(unknown.admin.command("ping")["ok"]), "mongod")
        begin_replica_set(unknown, member)
        make_administrator(unknown, administrator)
    with connect(administrator) as admin:
        for service in SERVICES:
            allow_service(admin, service, os.environ[f"MONGO_{service.upper()}_PASSWORD"])


if __name__ == "__main__":
    main()
