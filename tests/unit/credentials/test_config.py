"""No setting makes a guess cheaper than OWASP's floor for Argon2id: 19 MiB, 2 passes, 1 lane."""

import pytest
from pydantic import SecretStr, ValidationError

from services.credentials.config import CredentialsConfig

FLOOR = {
    "CREDENTIALS_ARGON2_MEMORY": 19 * 1024,
    "CREDENTIALS_ARGON2_PASSES": 2,
    "CREDENTIALS_ARGON2_LANES": 1,
}


def configured() -> CredentialsConfig:
    secret = SecretStr("sixteen characters")
    return CredentialsConfig(
        service_key=secret,
        mongo_url=secret,
        redis_url=secret,
        rabbitmq_url=secret,
        pepper=secret,
        keyring=SecretStr(f"test:{'07' * 32}"),
    )


def cost(config: CredentialsConfig) -> tuple[int, int, int]:
    return (config.argon2_memory, config.argon2_passes, config.argon2_lanes)


def test_a_guess_costs_the_floor_at_least_unless_somebody_sets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in FLOOR:
        monkeypatch.delenv(name, raising=False)
    memory, passes, lanes = cost(configured())
    assert (memory >= 19 * 1024, passes >= 2, lanes >= 1) == (True, True, True)


def test_the_floor_itself_may_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, least in FLOOR.items():
        monkeypatch.setenv(name, str(least))
    assert cost(configured()) == tuple(FLOOR.values())


@pytest.mark.parametrize("name", FLOOR)
def test_less_than_the_floor_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, str(FLOOR[name] - 1))
    with pytest.raises(ValidationError) as refused:
        configured()
    (error,) = refused.value.errors()
    assert error["type"] == "greater_than_equal"
    assert f"credentials_{error['loc'][0]}".upper() == name


@pytest.mark.asvs("6.2.1")
def test_no_setting_lets_passwords_be_shorter_than_eight_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert configured().policy.minimum_length == 15
    monkeypatch.setenv("CREDENTIALS_MINIMUM_LENGTH", "7")
    with pytest.raises(ValidationError):
        configured()
