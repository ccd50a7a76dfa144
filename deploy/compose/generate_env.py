"""Write a `.env` with random secrets for docker-compose.yml; one that is there is left alone."""

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
    "GATEWAY_SECRET",
)
SETTINGS = """
# "yes" seeds the demonstration organization.
# Anybody can read its passwords in deploy/demo/users.json.
DEMO={demo}
"""


def environment(demo: str) -> str:
    """Return the file's text. Hexadecimal values need no quoting, in a URL as in a shell."""
    lines = [f"{name}={secrets.token_hex(32)}" for name in SECRETS]
    return "\n".join(lines) + "\n" + SETTINGS.format(demo=demo)


def write_new(path: Path, text: str) -> bool:
    """Create the file, readable by its owner only; False where there is one already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return True


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ".env")
    written = write_new(target, environment(os.environ.get("DEMO", "no")))
    sys.stdout.write(f"{target}: {'written' if written else 'already there, left as it is'}\n")
