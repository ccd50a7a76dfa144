"""What an operator can run of a service."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.deploy.compose import ROOT, composed

SERVICES = ("profile", "credentials", "sessions", "gateway")
LOGS_AND_SAYS = """
from shared.service import command
from shared.telemetry import log

async def said():
    log.warning("something-happened")
    return "what was asked for"

print(command("test", said()))
"""


def run(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_every_documented_command_is_one() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    told = set(re.findall(r"python -m services\.(\w+) ([a-z-]+)", text))
    told |= set(re.findall(r"deploy\.local run (\w+) ([a-z-]+)", text))
    assert len(told) > 5
    for service, word in told:
        main = (ROOT / "services" / service / "__main__.py").read_text()
        assert f'case ["{word}"' in main, (service, word)


def test_compose_has_every_service_that_is_told_of(tmp_path: Path) -> None:
    composition = composed(tmp_path / "env", {})
    text = (ROOT / "docs" / "operations.md").read_text()
    told = set(re.findall(r"docker compose (?:exec|run)(?: -[-\w]+)* (\w+)", text))
    assert len(told) > 4
    assert told <= composition["services"].keys()
    volumes = set(re.findall(r"-v (account-portal_\w+):", text))
    assert volumes == {"account-portal_mongo"}
    assert volumes <= {each["name"] for each in composition["volumes"].values()}


@pytest.mark.parametrize("service", SERVICES)
def test_a_word_that_is_no_command_starts_no_service(tmp_path: Path, service: str) -> None:
    told = composed(tmp_path / "env", {})["services"][service]["environment"]
    env = {**os.environ, **{name: value for name, value in told.items() if value is not None}}
    done = run("-m", f"services.{service}", "nonsense", env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"`python -m services.{service} [")


def test_the_log_of_a_command_is_not_among_what_it_says() -> None:
    done = run("-c", LOGS_AND_SAYS)
    assert (done.returncode, done.stdout) == (0, "what was asked for\n"), done.stderr
    assert '"event":"something-happened"' in done.stderr
