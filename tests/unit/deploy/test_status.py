"""`make status` says how the stack is, and ends well unless something is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import __main__ as local
from deploy.local.servers import Program
from deploy.local.supervision import Supervisor

ROOT = Path(__file__).resolve().parents[3]


def test_a_stack_that_is_not_running_is_said_to_be_so(tmp_path: Path) -> None:
    state = tmp_path / "never started"
    argv = [sys.executable, "-m", "deploy.local", "--state", str(state), "status"]
    ran = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True)
    assert ran.returncode == local.NOT_RUNNING == 3
    assert ran.stdout == "It is not running. To start it: make up\n"
    assert ran.stderr == ""
    assert not state.exists()


@pytest.mark.parametrize("command", ["seed", "logs"])
def test_what_needs_a_stack_says_that_there_is_none(tmp_path: Path, command: str) -> None:
    state = tmp_path / "never started"
    argv = [sys.executable, "-m", "deploy.local", "--state", str(state), command]
    ran = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout == "It is not running. To start it: make up\n"
    assert not state.exists()


def test_a_command_of_a_program_is_run_with_its_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    program = Program("gateway", ("python", "-m", "gateway"), lambda: True, {"A_SETTING": "x"})
    monkeypatch.setattr(local.Stack, "programs", lambda _: {"gateway": program})
    become: list[tuple[object, ...]] = []
    monkeypatch.setattr(os, "execvpe", lambda *asked: become.append(asked))
    local.Stack(tmp_path).run("gateway", ["erase-user", "ada"])
    ((file, argv, env),) = become
    assert (file, argv) == ("python", ("python", "-m", "gateway", "erase-user", "ada"))
    assert isinstance(env, dict)
    assert env["A_SETTING"] == "x"


@pytest.mark.parametrize(("is_ready", "status"), [(True, 0), (False, 1)])
def test_a_stack_that_is_running_is_well_when_everything_is_ready(
    *,
    is_ready: bool,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    programs = {"gateway": Program("gateway", (), lambda: is_ready)}
    monkeypatch.setattr(Supervisor, "is_running", lambda _: True)
    monkeypatch.setattr(Supervisor, "states", lambda _: {"gateway": "RUNNING"})
    monkeypatch.setattr(local.Stack, "programs", lambda _: programs)
    monkeypatch.setattr(local.Stack, "ports", {"gateway": 8080})
    assert local.Stack(tmp_path).status() == status
    (line,) = capsys.readouterr().out.splitlines()
    word = "ready" if is_ready else "not ready"
    assert line.split(maxsplit=2)[:2] == ["gateway", "RUNNING"]
    assert line.split(maxsplit=2)[2].startswith(f"{word} ")


@pytest.mark.parametrize(("status", "made"), [(0, 0), (3, 0), (1, 2), (2, 2)])
def test_make_takes_a_stack_that_is_not_running_for_no_error(
    tmp_path: Path, status: int, made: int
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexit {status}\n")
    python.chmod(0o755)
    argv = ["make", "--old-file=.venv/installed", "status", f"PYTHON={python}"]
    ran = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True)
    assert ran.returncode == made
    assert ("Error" in ran.stderr) == (made != 0)
