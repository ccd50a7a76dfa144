"""What every container of the composition may do, and what it may use up."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.compose import generate_env
from tests.unit.deploy.compose import ROOT, composed

FILE = (ROOT / "docker-compose.yml").read_text()
IMAGES = (ROOT / "deploy" / "Dockerfile").read_text()
KEPT = {"mongo": "/data/db", "rabbitmq": "/var/lib/rabbitmq", "mailbox": "/mail"}
"""What is still there after `down` and `up`, each in a named volume of its own."""
GENERATED = {*generate_env.SECRETS, *generate_env.RINGS}
SHARED = "GATEWAY_APP_PASSWORD_CLIENTS"
"""The secrets of other servers, which whoever has any brings along."""
HOLDS_A_SECRET = re.compile(r"PASSWORD|_PASS$|SECRET|KEY|PEPPER|(MONGO|REDIS|RABBITMQ)_URL")


@pytest.fixture(scope="module")
def env_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compose") / "env"


@pytest.fixture(scope="module")
def composition(env_file: Path) -> dict[str, Any]:
    return composed(env_file, {})


@pytest.fixture(scope="module")
def services(composition: dict[str, Any]) -> dict[str, Any]:
    return dict(composition["services"])


def is_a_step(service: dict[str, Any]) -> bool:
    return bool(service["restart"] == "no")


def user_of(service: dict[str, Any]) -> str:
    """Return who runs it: whom the composition names, else whom the stage of its image does."""
    if "build" not in service:
        return str(service["user"])
    stage = IMAGES.partition(f" AS {service['build']['target']}\n")[2].partition("\nFROM ")[0]
    return str(service.get("user") or re.findall(r"^USER (\S+)$", stage, re.MULTILINE)[-1])


def test_what_goes_on_running_is_looked_after(services: dict[str, Any]) -> None:
    lasting = {name: each for name, each in services.items() if not is_a_step(each)}
    assert len(lasting) == 8
    for name, each in lasting.items():
        check = each["healthcheck"]
        assert (check["test"][0], check.get("disable", False)) == ("CMD", False), name
        assert {"interval", "timeout", "retries", "start_period"} <= set(check), name
        assert each["restart"] == "unless-stopped", name


def test_nothing_uses_the_machine_up(services: dict[str, Any]) -> None:
    for name, each in services.items():
        limits = each["deploy"]["resources"]["limits"]
        assert 0 < float(limits["cpus"]) <= 1, name
        assert 0 < int(limits["memory"]) <= 2**30, name
        assert 0 < limits["pids"] <= 500, name
        assert {"max-size", "max-file"} <= set(each["logging"]["options"]), name


def test_nothing_runs_as_root_or_gains_a_privilege(services: dict[str, Any]) -> None:
    for name, each in services.items():
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user_of(each)), name
        assert each["cap_drop"] == ["ALL"], name
        assert each["security_opt"] == ["no-new-privileges:true"], name
        assert not {"cap_add", "privileged", "devices", "pid", "ipc"} & set(each), name


def test_nothing_is_written_but_named_volumes_and_memory(
    composition: dict[str, Any], services: dict[str, Any]
) -> None:
    kept = {}
    for name, each in services.items():
        assert each["read_only"] is True, name
        for mount in each.get("volumes", ()):
            if mount["type"] == "volume":
                assert mount["source"] in composition["volumes"], name
                kept[name] = mount["target"]
            else:
                assert (mount["type"], mount["read_only"]) == ("bind", True), name
    assert kept == KEPT


def test_only_the_gateway_is_published_and_only_to_this_machine(services: dict[str, Any]) -> None:
    published = {
        name: [port["host_ip"] for port in each["ports"]]
        for name, each in services.items()
        if "ports" in each
    }
    assert published == {"gateway": ["127.0.0.1"]}


def test_every_secret_is_one_that_was_generated(services: dict[str, Any], env_file: Path) -> None:
    lines = [line.partition("=") for line in env_file.read_text().splitlines()]
    generated = {value for name, _, value in lines if name in GENERATED}
    assert len(generated) == len(GENERATED)
    for each in services.values():
        for name, value in each.get("environment", {}).items():
            if name == SHARED:
                assert value is None
            elif HOLDS_A_SECRET.search(name):
                assert (urlsplit(value).password or value) in generated, name


def test_the_file_itself_has_no_secret_and_no_default_for_one() -> None:
    taken = re.findall(r"\$\{(\w+)([^}]*)\}", FILE)
    assert {name for name, _ in taken} >= GENERATED
    assert {rest for name, rest in taken if name in GENERATED} == {":?run make .env first"}


@pytest.mark.asvs("6.3.2")
def test_nobody_is_brought_in_unless_it_is_asked_for(services: dict[str, Any]) -> None:
    assert services["seed"]["environment"]["DEMO"] == "no"
    assert '"$$DEMO" = yes ] || exit 0' in FILE
    said = {name for name, each in services.items() if "deploy.demo" in str(each.get("command"))}
    assert said == {"seed"}
