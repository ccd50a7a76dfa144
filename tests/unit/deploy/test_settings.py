"""What the documentation says can be set, can be set where it says."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError

from services.credentials.config import CredentialsConfig
from services.gateway.config import GatewayConfig
from services.profile.config import ProfileConfig
from services.sessions.config import SessionsConfig
from tests.unit.deploy.compose import ROOT, composed

CONFIGS = (ProfileConfig, CredentialsConfig, SessionsConfig, GatewayConfig)
BREACHED = "CREDENTIALS_BREACHED_FILE"


def documented() -> list[str]:
    """Return the names in the table of settings."""
    text = (ROOT / "docs" / "operations.md").read_text()
    table = re.findall(r"^\| (`[A-Z0-9_`, ]+) \|", text, re.MULTILINE)
    return [name for row in table for name in re.findall(r"`([A-Z0-9]+_[A-Z0-9_]+)`", row)]


def test_every_documented_setting_is_one() -> None:
    known = {
        f"{config.model_config.get('env_prefix')}{field}".upper()
        for config in CONFIGS
        for field in config.model_fields
    }
    assert set(documented()) <= known
    assert len(documented()) > 10


def test_compose_passes_every_documented_setting_on_under_its_own_name(tmp_path: Path) -> None:
    settings = {name: f"value-of-{name.lower()}" for name in documented() if name != BREACHED}
    services = composed(tmp_path / "env", settings)["services"]
    for name, value in settings.items():
        assert services[name.partition("_")[0].lower()]["environment"][name] == value


def test_compose_leaves_to_a_service_what_nobody_set(tmp_path: Path) -> None:
    services = composed(tmp_path / "env", {})["services"]
    assert services["gateway"]["environment"]["GATEWAY_TRUSTED_PROXIES"] is None
    assert services["credentials"]["environment"]["CREDENTIALS_MINIMUM_LENGTH"] is None
    assert services["credentials"]["environment"][BREACHED] == ""


def test_compose_shows_the_breached_file_to_the_service(tmp_path: Path) -> None:
    services = composed(tmp_path / "env", {BREACHED: "/srv/breached.txt"})["services"]
    service = services["credentials"]
    (mounted,) = service["volumes"]
    assert (mounted["source"], mounted["read_only"]) == ("/srv/breached.txt", True)
    assert service["environment"][BREACHED] == mounted["target"]


def test_an_empty_setting_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (BREACHED, "CREDENTIALS_BANNED", "CREDENTIALS_MINIMUM_LENGTH"):
        monkeypatch.setenv(name, "")
    secret = SecretStr("sixteen characters")
    config = CredentialsConfig(
        service_key=secret,
        mongo_url=secret,
        redis_url=secret,
        rabbitmq_url=secret,
        pepper=secret,
        keyring=SecretStr(f"test:{'07' * 32}"),
    )
    assert (config.breached_file, config.banned, config.minimum_length) == (None, (), 15)


@pytest.mark.parametrize(
    "clients",
    ['{"mail": "too short"}', '{"": "%s"}', '{"ma:il": "%s"}', '["mail"]', "mail"],
)
def test_servers_have_names_that_http_basic_can_carry_and_long_secrets(
    monkeypatch: pytest.MonkeyPatch, clients: str
) -> None:
    secret = SecretStr("sixteen characters")

    def told(clients: str) -> GatewayConfig:
        monkeypatch.setenv("GATEWAY_APP_PASSWORD_CLIENTS", clients.replace("%s", "s" * 32))
        return GatewayConfig(
            service_key=secret, redis_url=secret, rabbitmq_url=secret, secret=secret
        )

    config = told('{"mail": "%s"}')
    assert config.app_password_clients["mail"].get_secret_value() == "s" * 32
    assert "ssss" not in repr(config)
    with pytest.raises((ValidationError, SettingsError)):
        told(clients)


def test_what_begins_an_organization_in_kubernetes_may_reach_the_services() -> None:
    manifests = ROOT / "deploy" / "kubernetes"
    job = (manifests / "organization" / "job.yaml").read_text()
    assert "image: account-portal/tools" in job
    assert "- deploy.organization\n" in job
    assert "      labels: {app: organization}\n" in job
    allowed = "{key: app, operator: In, values: [gateway, organization]}"
    assert allowed in (manifests / "network.yaml").read_text()
    tools = (ROOT / "deploy" / "Dockerfile").read_text().partition("AS tools\n")[2]
    assert "COPY deploy/organization.py" in tools.partition("FROM")[0]
