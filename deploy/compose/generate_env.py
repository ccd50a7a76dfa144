"""Write a `.env` with random secrets for docker-compose.yml.

In one that is there nothing is changed; what a later version needs besides is added.
"""

import os
import secrets
import sys
from pathlib import Path

SECRETS = (
    "MONGO_KEYFILE",
    "MONGO_ADMIN_PASSWORD",
    "MONGO_PROFILE_PASSWORD",
    "MONGO_CREDENTIALS_PASSWORD",
    "MONGO_SESSIONS_PASSWORD",
    "REDIS_PASSWORD",
    "RABBITMQ_PASSWORD",
    "SERVICE_KEY",
    "CREDENTIALS_PEPPER",
    "PROFILE_AUDIT_KEY",
    "GATEWAY_SECRET",
)
RINGS = ("CREDENTIALS_KEYRING",)
"""What holds keys by name, the newest first."""
SETTINGS = """
# "yes" seeds the demonstration organization.
# Anybody can read its passwords in deploy/demo/users.json.
DEMO={demo}
"""


def fresh() -> dict[str, str]:
    """Return new secrets. Hexadecimal values need no quoting, in a URL as in a shell."""
    made = {name: secrets.token_hex(32) for name in SECRETS}
    return made | {name: f"first:{secrets.token_hex(32)}" for name in RINGS}


def write(path: Path, demo: str) -> str:
    """Create the file, readable by its owner only, or add what it lacks; tell which was done."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _complete(path)
    with os.fdopen(descriptor, "w") as file:
        file.write(_lines(fresh()) + SETTINGS.format(demo=demo))
    return "written"


def _complete(path: Path) -> str:
    known = {line.partition("=")[0].strip() for line in path.read_text().splitlines()}
    lacking = {name: value for name, value in fresh().items() if name not in known}
    if not lacking:
        return "already there, left as it is"
    with path.open("a") as file:
        file.write("\n" + _lines(lacking))
    return f"already there, added {', '.join(lacking)}"


def _lines(values: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ".env")
    done = write(target, os.environ.get("DEMO", "no"))
    sys.stdout.write(f"{target}: {done}\n")
