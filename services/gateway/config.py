"""What the gateway is told."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints
from pydantic_settings import SettingsConfigDict

from shared.service import ServiceConfig

# What HTTP Basic can carry as a name (RFC 7617, 2).
ServerName = Annotated[str, StringConstraints(pattern=r"^[^:\x00-\x1f\x7f-\x9f]+$")]
ServerSecret = Annotated[SecretStr, Field(min_length=32)]


class GatewayConfig(ServiceConfig):
    """Settings, each an environment variable with the prefix `GATEWAY_`."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", frozen=True)

    port: int = 8080
    metrics_port: int = 9180
    redis_url: SecretStr
    rabbitmq_url: SecretStr
    # Seals what is kept in Redis and derives CSRF tokens; the same for all replicas.
    secret: SecretStr = Field(min_length=16)
    public_url: str = "http://localhost:8080"
    profile_url: str = "http://127.0.0.1:8101"
    credentials_url: str = "http://127.0.0.1:8102"
    sessions_url: str = "http://127.0.0.1:8103"
    # Only from these networks is X-Forwarded-For believed.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    # The servers that may check app passwords, such as a mail server, each with its secret.
    app_password_clients: dict[ServerName, ServerSecret] = Field(default_factory=dict)
