"""The supervisor of the stack: it starts every program, and starts it again when it dies."""

import getpass
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from deploy.local.servers import ROOT, Program, wait_ready
from deploy.local.services import inherited

LONGEST_SOCKET_PATH = 90
SUPERVISOR = """\
[supervisord]
user={user}
directory={root}
pidfile={state}/supervisord.pid
logfile={state}/log/supervisord.log
childlogdir={state}/log

[unix_http_server]
file={socket}
chmod=0700

[supervisorctl]
serverurl=unix://{socket}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
# A service finishes what it has begun before it ends, so it is given time to.
PROGRAM = """
[program:{name}]
command="{python}" -m deploy.local --state "{state}" run {name}
priority={priority}
autostart=false
autorestart=true
startsecs=1
startretries=100
stopsignal=TERM
stopwaitsecs=45
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile={state}/log/{name}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=2
"""


class NotAnsweringError(Exception):
    """The supervisor did not do as it was told in time."""


@dataclass(frozen=True)
class Supervisor:
    """The supervisor whose files are in the state directory."""

    state: Path

    def is_running(self) -> bool:
        """Whether it answers."""
        try:
            self._call("getState")
        except (OSError, HTTPException):
            return False
        except Fault:
            # It answers nothing else while it shuts down.
            return True
        return True

    def launch(self, programs: Iterable[Program]) -> None:
        """Start it as a daemon that knows the programs, in this order, and runs none yet."""
        file = self.state / "supervisord.conf"
        file.write_text(self._configuration(programs))
        argv = (sys.executable, "-m", "supervisor.supervisord", "-c", str(file))
        env = inherited(Program("supervisor", argv, self.is_running), str(self.state))
        launched = subprocess.run(argv, env=env, cwd=ROOT, check=False).returncode == 0
        if not launched or not _becomes(self.is_running, seconds=20):
            raise NotAnsweringError(f"The supervisor did not start, see {self.state}/log.")

    def start(self, programs: Iterable[Program], seconds: float = 90) -> list[Program]:
        """Start those that do not run, wait for all, and return those that were too late."""
        wanted = list(programs)
        for program in wanted:
            # False: do not wait here, so that they start beside one another.
            self._unless(Faults.ALREADY_STARTED, "startProcess", program.name, False)
        return wait_ready(wanted, seconds)

    def states(self) -> dict[str, str]:
        """Say of each program what the supervisor thinks of it, such as `RUNNING`."""
        return {one["name"]: one["statename"] for one in self._call("getAllProcessInfo")}

    def shut_down(self, seconds: float = 150) -> None:
        """End the programs, those that were started last first, and then the supervisor."""
        self._unless(Faults.SHUTDOWN_STATE, "shutdown")
        if not _becomes(lambda: not self.is_running(), seconds):
            raise NotAnsweringError(f"The supervisor did not end, see {self.state}/log.")

    def _unless(self, so_already: int, method: str, *words: object) -> None:
        """Call the method, whose effect may be there already."""
        try:
            self._call(method, *words)
        except Fault as fault:
            if fault.faultCode != so_already:
                refusal = f"The supervisor refused to {method}: {fault.faultString}"
                raise NotAnsweringError(refusal) from fault

    def _call(self, method: str, *words: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket()}")
        with ServerProxy("http://localhost", transport=transport) as server:
            return getattr(server.supervisor, method)(*words)

    def _socket(self) -> Path:
        # The kernel takes no long paths for sockets.
        near = self.state / "supervisor.sock"
        if len(str(near)) < LONGEST_SOCKET_PATH:
            return near
        name = hashlib.sha256(str(near).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"account-portal-{name}.sock"

    def _configuration(self, programs: Iterable[Program]) -> str:
        words = {
            "state": self.state,
            "root": ROOT,
            "socket": self._socket(),
            "user": getpass.getuser(),
            "python": sys.executable,
        }
        parts = (
            PROGRAM.format(name=program.name, priority=10 * (place + 1), **words)
            for place, program in enumerate(programs)
        )
        return SUPERVISOR.format(**words) + "".join(parts)


def _becomes(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
