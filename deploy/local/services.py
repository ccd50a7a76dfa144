"""The four services: how each is started, for given ports and secrets."""

import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deploy.local.ports import HOST
from deploy.local.servers import Program, answers_ok, mongo_url, rabbitmq_url, redis_url

SERVICES = ("profile", "credentials", "sessions", "gateway")
WITH_INSTALL_STEP = ("profile", "credentials", "sessions")
USES = {
    "profile": ("mongo", "redis", "rabbitmq"),
    "credentials": ("mongo", "redis", "rabbitmq"),
    "sessions": ("mongo", "redis", "rabbitmq"),
    "gateway": ("redis", "rabbitmq"),
}


def _fresh() -> str:
    return secrets.token_urlsafe(32)


def _fresh_ring() -> str:
    return f"first:{secrets.token_hex(32)}"


@dataclass(frozen=True)
class Secrets:
    """The secrets of one stack, made at random where none are given."""

    service_key: str = field(default_factory=_fresh, repr=False)
    pepper: str = field(default_factory=_fresh, repr=False)
    audit_key: str = field(default_factory=_fresh, repr=False)
    keyring: str = field(default_factory=_fresh_ring, repr=False)
    gateway: str = field(default_factory=_fresh, repr=False)


def kept_secrets(file: Path) -> Secrets:
    """Read the secrets from the file, which is for its owner's eyes only.

    It is made the first time, and again when a later version needs a secret more.
    """
    known = json.loads(file.read_text()) if file.exists() else {}
    kept = Secrets(**known)
    if asdict(kept) != known:
        unfinished = file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600, exist_ok=False)
        unfinished.write_text(json.dumps(asdict(kept), indent=2))
        unfinished.rename(file)
    return kept


def service(
    name: str,
    ports: Mapping[str, int],
    keys: Secrets,
    *,
    sms_file: Path,
    public_url: str | None = None,
) -> Program:
    """Describe one service. `ports` is where this service finds the others, and itself.

    Text messages and calls go into `sms_file`.
    """
    address = public_url or f"http://localhost:{ports['gateway']}"
    return Program(
        name,
        (sys.executable, "-m", f"services.{name}"),
        lambda: answers_ok(ports[name], "/readyz"),
        {
            **_environment(name, ports, keys, address),
            **({"CREDENTIALS_SMS_FILE": str(sms_file)} if name == "credentials" else {}),
        },
    )


def install_steps(programs: Mapping[str, Program]) -> list[Program]:
    """Describe the commands that prepare the stores and the broker for the services."""
    return [
        Program(f"install {name}", (*found.argv, "install"), found.ready, found.env)
        for name in WITH_INSTALL_STEP
        if (found := programs[name])
    ]


def seed(gateway: Program) -> Program:
    """Describe the command that brings in the demonstration organization."""
    return Program("seed", (sys.executable, "-m", "deploy.demo"), gateway.ready, gateway.env)


def inherited(program: Program, stack: str) -> dict[str, str]:
    """Join the environment of the program with our own and the name of its stack."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", **program.env, "PORTAL_STACK": stack}


def _environment(
    name: str, ports: Mapping[str, int], keys: Secrets, public_url: str
) -> dict[str, str]:
    urls = {
        "mongo": ("MONGO_URL", mongo_url(ports["mongo"])),
        "redis": ("REDIS_URL", redis_url(ports["redis"])),
        "rabbitmq": ("RABBITMQ_URL", rabbitmq_url(ports["rabbitmq"])),
    }
    settings = {
        "HOST": HOST,
        "PORT": str(ports[name]),
        "METRICS_PORT": str(ports[f"{name}-metrics"]),
        "SERVICE_KEY": keys.service_key,
        **dict(urls[server] for server in USES[name]),
        **_own_settings(name, ports, keys, public_url),
    }
    return {f"{name.upper()}_{setting}": value for setting, value in settings.items()}


def _own_settings(
    name: str, ports: Mapping[str, int], keys: Secrets, public_url: str
) -> dict[str, str]:
    peers = {f"{peer.upper()}_URL": f"http://{HOST}:{ports[peer]}" for peer in WITH_INSTALL_STEP}
    server = {
        "SMTP_HOST": HOST,
        "SMTP_PORT": str(ports["mailbox"]),
        "MAIL_FROM": "portal@localhost",
    }
    mail = {**server, "PUBLIC_URL": public_url}
    return {
        "profile": {"AUDIT_KEY": keys.audit_key, **mail},
        "credentials": {
            "PEPPER": keys.pepper,
            "KEYRING": keys.keyring,
            "PORTAL_URL": public_url,
            **server,
        },
        "gateway": {"SECRET": keys.gateway, "PUBLIC_URL": public_url, **peers},
    }.get(name, {})
