"""What the profile service is told."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.service import ServiceConfig


class ProfileConfig(ServiceConfig):
    """Settings, each an environment variable with the prefix `PROFILE_`."""

    model_config = SettingsConfigDict(env_prefix="PROFILE_", frozen=True)

    port: int = 8101
    metrics_port: int = 9181
    mongo_url: SecretStr
    redis_url: SecretStr
    rabbitmq_url: SecretStr
    # Seals the audit trail: who can write to the store, but has not this, cannot alter it unseen.
    audit_key: SecretStr = Field(min_length=16)
    database_prefix: str = ""
    smtp_host: str
    smtp_port: int = 25
    mail_from: str
    public_url: str
    catch_up_seconds: float = 10.0
