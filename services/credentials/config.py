"""What the credentials service is told."""

import os
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
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

    @field_validator("keyring")
    @classmethod
    def _is_a_keyring(cls, keyring: SecretStr) -> SecretStr:
        Keyring.parse(keyring.get_secret_value())
        return keyring

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
