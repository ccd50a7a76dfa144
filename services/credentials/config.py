"""What the credentials service is told."""

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from services.credentials.keyring import Keyring
from services.credentials.model import HashParameters, PasswordPolicy
from shared.service import ServiceConfig


class CredentialsConfig(ServiceConfig):
    """Settings, each an environment variable with the prefix `CREDENTIALS_`."""

    model_config = SettingsConfigDict(env_prefix="CREDENTIALS_", env_ignore_empty=True, frozen=True)

    port: int = 8102
    metrics_port: int = 9182
    mongo_url: SecretStr
    redis_url: SecretStr
    rabbitmq_url: SecretStr
    # Keys the fingerprints of user IDs and wrong passwords in the guess counters.
    pepper: SecretStr = Field(min_length=16)
    # Seals the secrets of methods: `name:64 hex digits`, the newest first, separated by commas.
    keyring: SecretStr
    database_prefix: str = ""
    # Where users reach the portal: passkeys are for that host, and work on no other.
    portal_url: str = "http://localhost:8080"
    # Argon2id: memory in KiB, passes, lanes. OWASP's floor is 19 MiB, 2, 1.
    argon2_memory: int = Field(default=19_456, ge=19_456)
    argon2_passes: int = Field(default=2, ge=2)
    argon2_lanes: int = Field(default=1, ge=1)
    hash_threads: int = Field(default_factory=lambda: os.cpu_count() or 1)
    hash_queue: int = 64
    # Optional: SHA-1 hashes of breached passwords in hex, sorted, one `HASH[:count]` a line.
    breached_file: Path | None = None
    banned: tuple[str, ...] = ()
    # NIST SP 800-63B-4, 3.1.1.2 and ASVS 6.2.1 know no shorter ones.
    minimum_length: int = Field(default=15, ge=8)
    history: int = Field(default=1, ge=1)
    # Codes by mail are there with a server and a sender, codes by text message and call with a
    # carrier: one over HTTP, or a file of this machine that they are written into.
    smtp_host: str | None = None
    smtp_port: int = 25
    mail_from: str | None = None
    carrier_url: str | None = None
    carrier_token: SecretStr | None = None
    sms_file: Path | None = None

    @field_validator("keyring")
    @classmethod
    def _is_a_keyring(cls, keyring: SecretStr) -> SecretStr:
        Keyring.parse(keyring.get_secret_value())
        return keyring

    @field_validator("carrier_url")
    @classmethod
    def _is_private(cls, url: str | None) -> str | None:
        if url is not None and not _is_private(url):
            raise ValueError("The carrier is reached by https, or on this machine.")
        return url

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.smtp_host is None) != (self.mail_from is None):
            raise ValueError("A mail server goes with a sender.")
        if (self.carrier_url is None) != (self.carrier_token is None):
            raise ValueError("A carrier goes with its token.")
        if self.carrier_url is not None and self.sms_file is not None:
            raise ValueError("Either a carrier or a file.")
        return self

    @property
    def hashing(self) -> HashParameters:
        """How expensive one guess is."""
        return HashParameters(self.argon2_memory, self.argon2_passes, self.argon2_lanes)

    @property
    def policy(self) -> PasswordPolicy:
        """What a new password must meet."""
        return PasswordPolicy(
            minimum_length=self.minimum_length, history=self.history, banned=self.banned
        )


def _is_private(url: str) -> bool:
    """Tell whether nobody on the way reads what is sent there."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
