"""Start, watch and end the one-machine stack: `python -m deploy.local up|down|status|logs|...`."""

import argparse
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local import packages
from deploy.local.leftovers import end_leftovers
from deploy.local.ports import HIGHEST, derived, taken
from deploy.local.servers import ROOT, Program, servers, wait_ready
from deploy.local.services import (
    SERVICES,
    inherited,
    install_steps,
    kept_secrets,
    seed,
    service,
)
from deploy.local.supervision import NotAnsweringError, Supervisor

DEFAULT_PORT = 8080
LOG_LINES = 15
UNWELL = 1
NOT_RUNNING = 3
"""The exit status of `status` where nothing runs, as the Linux Standard Base has it."""
_NOTHING_RUNS = "It is not running. To start it: make up"


class StackError(Exception):
    """The stack cannot do what it was asked; the text says why."""


@dataclass(frozen=True)
class Stack:
    """The stack that keeps all it writes in one directory."""

    state: Path

    @property
    def supervisor(self) -> Supervisor:
        """What starts the programs and keeps them running."""
        return Supervisor(self.state)

    @property
    def ports(self) -> dict[str, int]:
        """The ports of the last start; empty before the first."""
        file = self.state / "ports.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def servers(self) -> dict[str, Program]:
        """MongoDB, Redis, RabbitMQ and the mailbox, by name."""
        return {program.name: program for program in servers(self.state, self.ports)}

    def services(self) -> dict[str, Program]:
        """Describe the four services, by name."""
        keys = kept_secrets(self.state / "secrets.json")
        return {
            name: service(name, self.ports, keys, sms_file=self.state / "sms.jsonl")
            for name in SERVICES
        }

    def programs(self) -> dict[str, Program]:
        """All programs, in starting order."""
        return {**self.servers(), **self.services()}

    def up(self, port: int | None) -> None:
        """Bring the stack up, and leave it running; one that runs already is left as it is."""
        with self._alone():
            if not self.supervisor.is_running():
                self._launch(port or DEFAULT_PORT)
            elif port not in (None, self.ports["gateway"]):
                raise StackError(f"Already running at {self.url}. First: make down")
            if not wait_ready(self.programs().values(), seconds=0):
                say(f"Already running.\n{self.addresses()}")
                return
            self._bring_up()
            say(f"Ready.\n{self.addresses()}")

    def down(self) -> None:
        """End the stack, whatever has become of it. Its data stays."""
        with self._alone():
            if self.supervisor.is_running():
                self.supervisor.shut_down()
            left = end_leftovers(str(self.state))
        if left:
            raise StackError(f"These processes did not end: {left}")
        say("Down. The data is kept in", self.state)

    def status(self) -> int:
        """Print how each program is, and return the exit status: 0 where all are ready."""
        if not self.supervisor.is_running():
            say(_NOTHING_RUNS)
            return NOT_RUNNING
        programs, states = self.programs(), self.supervisor.states()
        ready = {name: program.ready() for name, program in programs.items()}
        for name, is_ready in ready.items():
            word = "ready" if is_ready else "not ready"
            say(f"{name:12} {states[name]:10} {word:10} port {self.ports[name]}")
        return 0 if all(ready.values()) else UNWELL

    def seed(self) -> None:
        """Bring in the demonstration organization."""
        if not self.supervisor.is_running():
            raise StackError(_NOTHING_RUNS)
        self._finish([seed(self.services()["gateway"])])

    def run(self, name: str, arguments: Sequence[str]) -> None:
        """Become the named program; the supervisor calls this, and who runs one of its commands."""
        programs = self.programs()
        if name == "rabbitmq":
            # Without ours, the broker would start an epmd that nobody supervises.
            wait_ready([programs["epmd"]], seconds=30)
        program = programs[name]
        os.chdir(program.directory)
        argv = (*program.argv, *arguments)
        os.execvpe(argv[0], argv, inherited(program, str(self.state)))  # noqa: S606 - so that signals reach it

    def logs(self, names: list[str]) -> None:
        """Become a `tail` of the logs, which stay when the stack ends."""
        if not self.ports:
            raise StackError(_NOTHING_RUNS)
        files = [str(self._log(name)) for name in names or self.programs()]
        os.execvp("tail", ("tail", "-n", "50", "-F", *files))  # noqa: S606 - there is nothing to do after it

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return f"http://localhost:{self.ports['gateway']}"

    def addresses(self) -> str:
        """Say where things are, and who can sign in."""
        files = (ROOT / "deploy" / "demo").glob("*users.json")
        # The demonstration organization first, then its partner.
        people = [
            each for file in sorted(files, reverse=True) for each in json.loads(file.read_text())
        ]
        return "\n".join(
            (
                f"  portal and API  {self.url}",
                f"  mail            {self.state / 'mail'} (a Maildir)",
                f"  text messages   {self.state / 'sms.jsonl'} (calls too, a line each)",
                f"  logs            {self.state / 'log'}",
                *(_introduced(person) for person in people),
            )
        )

    def _launch(self, port: int) -> None:
        install_packages(packages.TO_RUN)
        end_leftovers(str(self.state))
        ports = derived(port)
        _refuse_taken(ports)
        (self.state / "log").mkdir(exist_ok=True)
        (self.state / "ports.json").write_text(json.dumps(ports, indent=2))
        self.supervisor.launch(self.programs().values())

    def _bring_up(self) -> None:
        say("Starting MongoDB, Redis, RabbitMQ and the mailbox ...")
        self._start(self.servers().values())
        services = self.services()
        self._finish(install_steps(services))
        say("Starting", ", ".join(services), "...")
        self._start(services.values())
        self._finish([seed(services["gateway"])])

    def _start(self, programs: Iterable[Program]) -> None:
        late = self.supervisor.start(programs)
        if late:
            raise StackError("\n".join(self._excuse(program.name) for program in late))

    def _finish(self, steps: list[Program]) -> None:
        """Run the steps beside one another, each to its end."""
        running = [(step.name, self._begun(step)) for step in steps]
        failed = [name for name, process in running if process.wait() != 0]
        if failed:
            raise StackError("\n".join(self._excuse(name, "failed") for name in failed))

    def _begun(self, step: Program) -> subprocess.Popen[bytes]:
        env = inherited(step, str(self.state))
        with self._log(step.name).open("wb") as log:
            return subprocess.Popen(step.argv, env=env, cwd=ROOT, stdout=log, stderr=log)

    def _excuse(self, name: str, what: str = "did not become ready") -> str:
        log = self._log(name)
        text = log.read_text(errors="replace") if log.exists() else ""
        last = "\n".join(f"  {line[:300]}" for line in text.splitlines()[-LOG_LINES:])
        return f"{name} {what}. The end of {log}:\n{last}"

    def _log(self, name: str) -> Path:
        return self.state / "log" / f"{name.replace(' ', '-')}.log"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let no other `up` or `down` of this stack run at the same time."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.state / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def say(*words: object) -> None:
    """Tell the person who called."""
    print(*words, flush=True)


def install_packages(wanted: tuple[packages.Package, ...]) -> None:
    """Install the packages that are missing, and say which."""
    installed = packages.install(wanted)
    if installed:
        say("Installed:", ", ".join(installed))


def _refuse_taken(ports: Mapping[str, int]) -> None:
    hindrances = taken(ports)
    if hindrances:
        listed = ", ".join(f"{port} (for {name})" for name, port in hindrances.items())
        raise StackError(
            f"Somebody else listens on port {listed}, or this user may not.\n"
            "End that, or choose other ports, such as: PORT=9000 make up"
        )


def _port_asked_for() -> int | None:
    asked = os.environ.get("PORT")
    if asked and not (asked.isdecimal() and 0 < int(asked) <= HIGHEST):
        raise StackError(f"PORT={asked} is no port.")
    return int(asked) if asked else None


def _introduced(person: Mapping[str, object]) -> str:
    totp = person.get("totp_secret")
    code = f"  authenticator secret {totp}" if totp else ""
    roles = person.get("roles") or []
    titles = f" ({', '.join(map(str, roles))})" if isinstance(roles, list) and roles else ""
    return f"  demo user       {person['user_id']}  password {person['password']}{code}{titles}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local")
    parser.add_argument("--state", type=Path, default=ROOT / ".local", help="default: .local")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start everything; the gateway at PORT, or 8080")
    commands.add_parser("down", help="end everything; the data stays")
    commands.add_parser("status", help="how each program is; ends with 3 where nothing runs")
    commands.add_parser("seed", help="bring in the demonstration organization")
    logs = commands.add_parser("logs", help="follow the logs")
    logs.add_argument("names", nargs="*")
    install = commands.add_parser("install", help="install missing packages of the system")
    install.add_argument("--for-tests", action="store_true")
    run = commands.add_parser("run", help="become one program, or one of its commands")
    run.add_argument("name")
    run.add_argument("arguments", nargs="*")
    return parser


def _obey(options: argparse.Namespace) -> int:
    stack = Stack(options.state.resolve())
    match options.command:
        case "up":
            stack.up(_port_asked_for())
        case "down":
            stack.down()
        case "status":
            return stack.status()
        case "seed":
            stack.seed()
        case "logs":
            stack.logs(options.names)
        case "install":
            install_packages(packages.TO_TEST if options.for_tests else packages.TO_RUN)
        case "run":
            stack.run(options.name, options.arguments)
    return 0


def main() -> int:
    """Obey the command line, and return the exit status."""
    try:
        return _obey(_parser().parse_args())
    except (StackError, NotAnsweringError, packages.PackagesMissingError) as refusal:
        say(refusal)
        return UNWELL
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
