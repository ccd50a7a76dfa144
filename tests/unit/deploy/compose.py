"""The composition as docker-compose reads it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from deploy.compose import generate_env

ROOT = Path(__file__).resolve().parents[3]
_COMPOSE = Path(sys.executable).with_name("docker-compose")


def composed(file: Path, settings: dict[str, str]) -> dict[str, Any]:
    """Return what compose would start, with these settings after new secrets in the file."""
    generate_env.write(file, "no")
    with file.open("a") as more:
        more.write("".join(f"{name}={value}\n" for name, value in settings.items()))
    argv = [str(_COMPOSE), "--env-file", str(file), "config", "--format", "json"]
    ran = subprocess.run(argv, cwd=ROOT, env={}, check=True, capture_output=True, text=True)
    composition: dict[str, Any] = json.loads(ran.stdout)
    return composition
