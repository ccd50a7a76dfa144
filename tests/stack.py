"""A whole stack of real servers and services for one test run, whose every process can be hurt.

    with Stack(links=[("sessions", "redis")]) as stack:
        stack.link("sessions", "redis").cut()
        stack.kill("mongo")
        stack.start("mongo")
        stack.wait_ready("mongo")

All of it is synchronous; an asynchronous test calls what takes long by `asyncio.to_thread`.
"""

import asyncio
import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from deploy.local.leftovers import end_leftovers
from deploy.local.ports import HOST, free
from deploy.local.servers import (
    Program,
    mongo_url,
    rabbitmq_url,
    redis_url,
    servers,
)
from deploy.local.services import SERVICES, Secrets, inherited, install_steps, seed, service

PATIENCE = 90.0
LOG_LINES = 30


class NotReadyError(Exception):
    """A program died, or was not ready in time; the text ends with the end of its log."""


class Launcher:
    """Runs programs as plain processes in a directory of their own, and ends them all at last."""

    def __init__(self, *, keep_alive: bool = False) -> None:
        """With `keep_alive`, what dies is started again, unless the test ended it for good."""
        self.directory = Path(tempfile.mkdtemp(prefix="portal-"))
        self.programs: dict[str, Program] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._wanted: set[str] = set()
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._keep_alive = keep_alive
        atexit.register(self.close)
        if threading.current_thread() is threading.main_thread():
            # Whoever ends the test run by SIGTERM ends what it started too.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        if keep_alive:
            threading.Thread(target=self._watch, daemon=True).start()

    def add(self, *programs: Program) -> None:
        """Make the programs known by their names."""
        self.programs.update({program.name: program for program in programs})

    def start_servers(self, ports: Mapping[str, int]) -> None:
        """Start the servers of a stack on these ports, and wait until they are ready."""
        natives = servers(self.directory, ports)
        self.add(*natives)
        # The broker would start an epmd of its own if ours did not run.
        for names in (["epmd"], [program.name for program in natives]):
            self.start(*names)
            self.wait_ready(*names)

    def start(self, *names: str) -> None:
        """Start the programs, and do not wait for them."""
        with self._lock:
            for name in names:
                self._wanted.add(name)
                if not self.is_alive(name):
                    self._running[name] = self._begin(self.programs[name])

    def kill(self, name: str, *, for_good: bool = False) -> None:
        """Kill it, as a crash would. `keep_alive` starts it again unless this is for good."""
        self._end(name, signal.SIGKILL, wanted=not for_good)

    def term(self, name: str, seconds: float = PATIENCE) -> int:
        """Ask it to end, wait until it has, and return its exit status."""
        return self._end(name, signal.SIGTERM, wanted=False, seconds=seconds)

    def stop(self, name: str) -> None:
        """Freeze it and its children: connections stay open, and nothing answers."""
        self._signal_family(name, signal.SIGSTOP)

    def cont(self, name: str) -> None:
        """Let a frozen one go on."""
        self._signal_family(name, signal.SIGCONT)

    def wait_ready(self, *names: str, seconds: float = PATIENCE) -> None:
        """Wait until all are ready. Raises NotReadyError, with the log of the first that is not."""
        deadline = time.monotonic() + seconds
        for name in names:
            while not self.programs[name].ready():
                if time.monotonic() > deadline or self._gave_up(name):
                    raise NotReadyError(f"{name} is not ready:\n{self.tail(name)}")
                time.sleep(0.05)

    def run(self, *steps: Program) -> None:
        """Run programs beside one another to their ends. Raises NotReadyError when one fails."""
        for name, process in [(step.name, self._begin(step)) for step in steps]:
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            if process.returncode != 0:
                raise NotReadyError(f"{name} failed:\n{self.tail(name)}")

    def is_alive(self, name: str) -> bool:
        """Whether its process runs, frozen or not."""
        return name in self._running and self._running[name].poll() is None

    def pid(self, name: str) -> int:
        """Return the id of its process, the last one when it was started more than once."""
        return self._running[name].pid

    def env_of(self, name: str) -> dict[str, str]:
        """Return the environment that it runs in."""
        return inherited(self.programs[name], str(self.directory))

    def log(self, name: str) -> str:
        """Return all that it wrote to its output, in every life it had."""
        file = self._log(name)
        return file.read_text(errors="replace") if file.exists() else ""

    def tail(self, name: str) -> str:
        """Return the end of its log."""
        return "\n".join(line[:400] for line in self.log(name).splitlines()[-LOG_LINES:])

    def close(self) -> None:
        """End every process, those that were left by others too, and remove the directory."""
        self._closed.set()
        with self._lock:
            for process in self._running.values():
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        end_leftovers(str(self.directory), seconds=0)
        shutil.rmtree(self.directory, ignore_errors=True)
        atexit.unregister(self.close)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """End everything."""
        self.close()

    def _begin(self, program: Program) -> subprocess.Popen[bytes]:
        # Each has its own process group, so that Ctrl-C reaches the test first, and ending a
        # program ends what it started; but no session, in which `nice` would weigh nothing.
        with self._log(program.name).open("ab") as log:
            return subprocess.Popen(
                program.argv,
                env=inherited(program, str(self.directory)),
                cwd=program.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    def _end(self, name: str, how: signal.Signals, *, wanted: bool, seconds: float = 10) -> int:
        with self._lock:
            if not wanted:
                self._wanted.discard(name)
            process = self._running[name]
            if process.poll() is None:
                os.killpg(process.pid, how)
        return process.wait(seconds)

    def _signal_family(self, name: str, what: signal.Signals) -> None:
        parent = psutil.Process(self.pid(name))
        for member in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                member.send_signal(what)

    def _gave_up(self, name: str) -> bool:
        revived = self._keep_alive and name in self._wanted
        return not revived and not self.is_alive(name)

    def _watch(self) -> None:
        while not self._closed.wait(0.2):
            with self._lock:
                if not self._closed.is_set():
                    self.start(*self._wanted)

    def _log(self, name: str) -> Path:
        return self.directory / f"{name.replace(' ', '-')}.log"


class Link:
    """A TCP proxy between one program and another, which a test can hurt and heal."""

    def __init__(self, port: int, target: int) -> None:
        """Listen on `port` and pass everything on to `target`, both on this machine."""
        self.port = port
        self._target = target
        self._delay = 0.0
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._flows = asyncio.Event()
        self.heal()

    def cut(self) -> None:
        """Drop the connections, and refuse new ones."""
        self._do(self._cut())

    def freeze(self) -> None:
        """Keep the connections, accept new ones, and pass nothing."""
        self._do(self._freeze())

    def delay(self, seconds: float) -> None:
        """Pass everything late, in both directions."""
        self._delay = seconds

    def heal(self) -> None:
        """Pass everything at once again; what was held back while frozen arrives now."""
        self._do(self._heal())

    def close(self) -> None:
        """Cut for good."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, act: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(act, self._loop).result(10)

    async def _cut(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for connection in self._connections:
            connection.transport.abort()
        # What waits for a frozen link to flow finds its connection gone.
        self._flows.set()

    async def _freeze(self) -> None:
        self._flows.clear()
        await self._listen()

    async def _heal(self) -> None:
        self._delay = 0.0
        self._flows.set()
        await self._listen()

    async def _end(self) -> None:
        await self._cut()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    async def _listen(self) -> None:
        if not self._server:
            self._server = await asyncio.start_server(self._accept, HOST, self.port)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
            self._connections.add(far_writer)
            if self._server:
                await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
            far_writer.transport.abort()
            self._connections.discard(far_writer)
        writer.transport.abort()
        self._connections.discard(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while received := await reader.read(65536):
                await self._flows.wait()
                await asyncio.sleep(self._delay)
                writer.write(received)
                await writer.drain()
        # The end of a connection does not pass a frozen link either.
        await self._flows.wait()
        writer.close()


class Stack(Launcher):
    """Own servers and the four services, installed, seeded and ready."""

    def __init__(
        self,
        *,
        links: Collection[tuple[str, str]] = (),
        wrap: Mapping[str, Sequence[str]] | None = None,
        env: Mapping[str, Mapping[str, str]] | None = None,
        keep_alive: bool = False,
        seeded: bool = True,
    ) -> None:
        """Describe the stack; `with` starts it.

        `links` are the pairs (service, server) to put a Link between, where the server may be
        another service too; `wrap` gives the argv of a service in place of `python -m
        services.<name>`; `env` adds to the environment of a service.
        """
        super().__init__(keep_alive=keep_alive)
        self.ports = free()
        self.keys = Secrets()
        self._seeded = seeded
        self._links = {pair: Link(_port(), self.ports[pair[1]]) for pair in links}
        self._wrap = wrap or {}
        self._extra = env or {}
        self.add(*map(self._service, SERVICES))

    def __enter__(self) -> Self:
        """Start everything, and wait until it is ready."""
        try:
            self._bring_up()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """End everything, the links too."""
        super().close()
        for link in self._links.values():
            link.close()
        self._links = {}

    def link(self, service_name: str, server: str) -> Link:
        """Return the proxy between the two, which the stack was made with."""
        return self._links[service_name, server]

    def add_gateway(self, name: str = "gateway2") -> str:
        """Start one more gateway beside the first, wait for it, and return its URL."""
        self.ports |= free((name, f"{name}-metrics"))
        view = {"gateway": self.ports[name], "gateway-metrics": self.ports[f"{name}-metrics"]}
        self.add(replace(self._service("gateway", view), name=name))
        self.start(name)
        self.wait_ready(name)
        return self.url_of(name)

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return f"http://localhost:{self.ports['gateway']}"

    def url_of(self, name: str) -> str:
        """Where the service is."""
        return f"http://{HOST}:{self.ports[name]}"

    def metrics_url(self, name: str) -> str:
        """Where the metrics of the service are."""
        return f"http://{HOST}:{self.ports[f'{name}-metrics']}/metrics"

    @property
    def maildir(self) -> Path:
        """The Maildir of all mail that was sent."""
        return self.directory / "mail"

    @property
    def sms_file(self) -> Path:
        """The text messages and calls, a JSON line each."""
        return self.directory / "sms.jsonl"

    @property
    def service_key(self) -> str:
        """What the gateway authenticates to the services with."""
        return self.keys.service_key

    @property
    def mongo_url(self) -> str:
        """MongoDB itself, past any link."""
        return mongo_url(self.ports["mongo"])

    @property
    def redis_url(self) -> str:
        """Redis itself, past any link."""
        return redis_url(self.ports["redis"])

    @property
    def rabbitmq_url(self) -> str:
        """The broker itself, past any link."""
        return rabbitmq_url(self.ports["rabbitmq"])

    def _service(self, name: str, ports: Mapping[str, int] | None = None) -> Program:
        linked = {far: link.port for (near, far), link in self._links.items() if near == name}
        view = {**self.ports, **linked, **(ports or {})}
        plain = service(name, view, self.keys, sms_file=self.sms_file, public_url=self.url)
        argv = tuple(self._wrap.get(name, plain.argv))
        return replace(plain, argv=argv, env={**plain.env, **self._extra.get(name, {})})

    def _bring_up(self) -> None:
        self.start_servers(self.ports)
        plain = {
            name: service(name, self.ports, self.keys, sms_file=self.sms_file) for name in SERVICES
        }
        self.run(*install_steps(plain))
        self.start(*SERVICES)
        self.wait_ready(*SERVICES)
        if self._seeded:
            self.run(seed(plain["gateway"]))


def _port() -> int:
    return free(("link",))["link"]
