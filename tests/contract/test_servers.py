"""What the services and the tests may expect of the servers, and of the means to hurt them."""

import asyncio
import os
import smtplib
import socket
import socketserver
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage
from mailbox import Maildir
from pathlib import Path
from typing import Any

import aio_pika
import pytest
import redis
from pymongo import MongoClient, WriteConcern

from deploy.local import ports as stack_ports
from deploy.local import servers as native
from deploy.local.leftovers import end_leftovers, members
from deploy.local.packages import Package, PackagesMissingError, install
from deploy.local.ports import HOST, derived, free, taken
from deploy.local.services import kept_secrets
from tests.servers import Servers
from tests.stack import Launcher, Link, NotReadyError

Documents = MongoClient[dict[str, Any]]
PORTS = free()


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    """Run servers of this module's own, because its tests kill them."""
    with Launcher() as started:
        started.start_servers(PORTS)
        yield started


def kill_and_restart(launcher: Launcher, name: str) -> None:
    launcher.kill(name)
    launcher.start(name)
    launcher.wait_ready(name)


def test_mongodb_has_transactions(mongo_url: str, database_prefix: str) -> None:
    with Documents(mongo_url) as client, client.start_session() as session:
        things = client[f"{database_prefix}contract"]["things"]
        with suppress(ZeroDivisionError), session.start_transaction():
            things.insert_one({"kept": False}, session=session)
            raise ZeroDivisionError
        with session.start_transaction():
            things.insert_one({"kept": True}, session=session)
        assert [thing["kept"] for thing in things.find()] == [True]


def test_redis_is_empty_at_the_start_of_a_test(empty_redis_url: str) -> None:
    with redis.Redis.from_url(empty_redis_url) as client:
        assert client.dbsize() == 0


async def test_the_broker_passes_messages_on(servers: Servers) -> None:
    async with await aio_pika.connect(servers.rabbitmq_url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        message = aio_pika.Message(b"hello")
        await channel.default_exchange.publish(message, routing_key=queue.name)
        assert (await queue.get(timeout=5)).body == b"hello"


def test_mongodb_keeps_what_it_acknowledged_when_killed(launcher: Launcher) -> None:
    with Documents(native.mongo_url(PORTS["mongo"])) as client:
        safe = WriteConcern(w="majority", j=True)
        things = client.get_database("kept", write_concern=safe)["things"]
        things.insert_one({"_id": "before the crash"})
        kill_and_restart(launcher, "mongo")
        assert things.count_documents({"_id": "before the crash"}) == 1


def test_mongodb_keeps_its_data_when_its_port_changes(tmp_path: Path) -> None:
    with Launcher() as launcher:
        for port in free(("before", "after")).values():
            launcher.add(native.mongod(tmp_path, port))
            launcher.start("mongo")
            launcher.wait_ready("mongo")
            with Documents(native.mongo_url(port)) as client:
                client["moved"]["things"].insert_one({})
                count = client["moved"]["things"].count_documents({})
            launcher.term("mongo")
    assert count == 2


def test_redis_forgets_everything_when_killed(launcher: Launcher) -> None:
    with redis.Redis.from_url(native.redis_url(PORTS["redis"])) as client:
        client.set("key", "value")
        kill_and_restart(launcher, "redis")
        assert client.get("key") is None


async def test_the_broker_keeps_what_it_confirmed_when_killed(launcher: Launcher) -> None:
    url = native.rabbitmq_url(PORTS["rabbitmq"])
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("kept", durable=True)
        # The broker writes down a moment later that there is a queue. Those of the services
        # are declared by the install step, long before anything is confirmed.
        await asyncio.sleep(2)
        lasting = aio_pika.Message(b"kept", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(lasting, routing_key=queue.name)
        await asyncio.to_thread(kill_and_restart, launcher, "rabbitmq")
    async with await aio_pika.connect(url) as connection:
        queue = await (await connection.channel()).get_queue("kept")
        assert (await queue.get(timeout=5)).body == b"kept"


def test_every_server_is_known_as_a_member_of_its_stack(launcher: Launcher) -> None:
    known = members(str(launcher.directory))
    assert {launcher.pid(name) for name in launcher.programs} <= set(known)


def test_the_servers_are_reached_from_this_machine_only(launcher: Launcher) -> None:
    assert launcher.is_alive("rabbitmq")
    outside = socket.gethostbyname(socket.gethostname())
    if outside.startswith("127."):
        outside = "127.0.0.2"
    for name in ("mongo", "redis", "rabbitmq", "rabbitmq-dist", "epmd", "mailbox"):
        with socket.socket() as probe:
            assert probe.connect_ex((outside, PORTS[name])) != 0, name


def send(recipients: list[str], message_id: str) -> dict[str, tuple[int, bytes]]:
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message["Message-ID"] = message_id
    message.set_content("Hello.")
    with smtplib.SMTP(HOST, PORTS["mailbox"]) as client:
        return client.send_message(message, "portal@example.org", recipients)


def test_mail_sent_again_after_a_crash_arrives_once(launcher: Launcher) -> None:
    send(["ada@example.org"], "<again@example.org>")
    kill_and_restart(launcher, "mailbox")
    send(["ada@example.org", "bob@example.org"], "<again@example.org>")
    delivered = Maildir(launcher.directory / "mail").values()
    assert sorted(mail["Delivered-To"] for mail in delivered) == [
        "ada@example.org",
        "bob@example.org",
    ]


def test_mail_that_was_read_is_not_delivered_again(launcher: Launcher) -> None:
    send(["eve@example.org"], "<read@example.org>")
    maildir = Maildir(launcher.directory / "mail")
    for key, mail in maildir.items():
        mail.set_subdir("cur")
        mail.add_flag("S")
        maildir[key] = mail
    send(["eve@example.org"], "<read@example.org>")
    assert sum(mail["Delivered-To"] == "eve@example.org" for mail in maildir.values()) == 1


def test_the_mailbox_refuses_one_recipient_and_takes_the_other(launcher: Launcher) -> None:
    refusals = send(["refused@example.org", "zoe@example.org"], "<half@example.org>")
    assert {who: code for who, (code, _) in refusals.items()} == {"refused@example.org": 550}
    mails = Maildir(launcher.directory / "mail").values()
    assert any(mail["Delivered-To"] == "zoe@example.org" for mail in mails)


def test_a_frozen_server_does_not_answer_until_it_goes_on(launcher: Launcher) -> None:
    launcher.stop("rabbitmq")
    assert not launcher.programs["rabbitmq"].ready()
    launcher.cont("rabbitmq")
    launcher.wait_ready("rabbitmq")


class Echo(socketserver.BaseRequestHandler):
    """Sends back what it receives."""

    def handle(self) -> None:
        """Send back everything until the end."""
        while received := self.request.recv(1024):
            self.request.sendall(received)


@pytest.fixture
def link() -> Iterator[Link]:
    with socketserver.ThreadingTCPServer((HOST, 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proxy = Link(free(("link",))["link"], server.server_address[1])
        yield proxy
        proxy.close()
        server.shutdown()


def connected(link: Link) -> socket.socket:
    return socket.create_connection((HOST, link.port), timeout=0.3)


def echoed(connection: socket.socket) -> bytes:
    connection.sendall(b"ping")
    return connection.recv(1024)


def test_a_cut_link_drops_and_refuses_until_it_is_healed(link: Link) -> None:
    with connected(link) as before:
        assert echoed(before) == b"ping"
        link.cut()
        assert before.recv(1024) == b""
    with pytest.raises(ConnectionRefusedError):
        connected(link)
    link.heal()
    with connected(link) as after:
        assert echoed(after) == b"ping"


def test_a_frozen_link_accepts_and_holds_everything_back(link: Link) -> None:
    with connected(link) as before:
        assert echoed(before) == b"ping"
        link.freeze()
        with connected(link) as during:
            for connection in (before, during):
                with pytest.raises(TimeoutError):
                    echoed(connection)
            link.heal()
            assert before.recv(1024) == during.recv(1024) == b"ping"


def test_a_slow_link_delays_each_direction(link: Link) -> None:
    link.delay(0.1)
    with connected(link) as connection:
        began = time.monotonic()
        assert echoed(connection) == b"ping"
        assert time.monotonic() - began >= 0.2


def sleeper(name: str, code: str = "import time; time.sleep(600)") -> native.Program:
    return native.Program(name, (sys.executable, "-c", code), lambda: False)


def test_closing_ends_daemons_too() -> None:
    daemon = "import os, time; os.fork() and os._exit(0); os.setsid(); time.sleep(600)"
    with Launcher() as launcher:
        launcher.add(sleeper("plain"), sleeper("daemon", daemon))
        launcher.start("plain", "daemon")
        assert len(members(str(launcher.directory))) >= 1
    assert members(str(launcher.directory)) == []
    assert not launcher.directory.exists()


def test_what_dies_is_started_again_unless_it_was_ended_for_good() -> None:
    with Launcher(keep_alive=True) as launcher:
        launcher.add(sleeper("one"), sleeper("two"))
        launcher.start("one", "two")
        first = launcher.pid("one")
        launcher.kill("two", for_good=True)
        launcher.kill("one")
        deadline = time.monotonic() + 5
        while not launcher.is_alive("one"):
            assert time.monotonic() < deadline
        assert launcher.pid("one") != first
        assert not launcher.is_alive("two")


def test_what_does_not_start_shows_its_log() -> None:
    with Launcher() as launcher:
        launcher.add(sleeper("broken", "raise SystemExit('no coffee')"))
        launcher.start("broken")
        with pytest.raises(NotReadyError, match="no coffee"):
            launcher.wait_ready("broken")


def test_leftovers_of_another_stack_are_left_alone() -> None:
    with Launcher() as launcher:
        launcher.add(sleeper("innocent"))
        launcher.start("innocent")
        assert end_leftovers(f"{launcher.directory}-other") == []
        assert launcher.is_alive("innocent")


@pytest.mark.parametrize("other", [8081, 8090, 8180, 9080, 18080])
def test_two_stacks_share_no_port(other: int) -> None:
    assert set(derived(8080).values()).isdisjoint(derived(other).values())


@pytest.mark.parametrize("gateway", [1024, 8080, 50_000, 60_000, 65_535])
def test_derived_ports_are_distinct_and_exist(gateway: int) -> None:
    numbers = derived(gateway).values()
    assert len(set(numbers)) == len(stack_ports.NAMES)
    assert all(1024 <= number <= 65_535 for number in numbers)


@pytest.mark.parametrize("gateway", [8080, 24_798, 24_799, 28_080, 32_767])
def test_derived_ports_are_none_that_the_kernel_gives_away(gateway: int) -> None:
    assert max(derived(gateway).values()) < 32_768


def test_a_port_that_somebody_listens_on_is_taken() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        assert taken({"ours": port}) == {"ours": port}


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    assert kept_secrets(file) == kept_secrets(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert kept_secrets(file).pepper not in repr(kept_secrets(file))


def test_a_package_that_cannot_be_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    absent = Package("no-such-package", "nothing", lambda: False)
    with pytest.raises(PackagesMissingError, match="apt-get install --yes no-such-package"):
        install((absent,))
