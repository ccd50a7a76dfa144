"""What the sessions service is told."""

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from services.sessions.model import SessionPolicy
from shared.service import ServiceConfig


class SessionsConfig(ServiceConfig):
    """Settings, each an environment variable with the prefix `SESSIONS_`."""

    model_config = SettingsConfigDict(env_prefix="SESSIONS_", frozen=True)

    port: int = 8103
    metrics_port: int = 9183
    mongo_url: SecretStr
    redis_url: SecretStr
    rabbitmq_url: SecretStr
    # Kept apart only where several installations share one MongoDB.
    database_prefix: str = ""
    idle_minutes: int = 60
    lifetime_hours: int = 24
    reconcile_seconds: float = 3.0
    sweep_seconds: float = 60.0
    # The file of a GeoIP database in the mmdb format; without one, no place is known.
    geoip_database: str = ""

    @property
    def policy(self) -> SessionPolicy:
        """How long a session lasts, idle and at all, where the organization says nothing else."""
        return SessionPolicy.of(self.idle_minutes, self.lifetime_hours)
