"""The Kubernetes manifests, as kustomize puts them together, are ones that a cluster takes.

There is no cluster here, so this is as far as it goes: the API's own schemas, in the oldest and the
newest version that the validator has, and what one manifest says of another.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate.utils import ValidationError, all_versions, validate

from services.credentials.config import CredentialsConfig
from services.gateway.config import GatewayConfig
from services.profile.config import ProfileConfig
from services.sessions.config import SessionsConfig
from shared.service import ServiceConfig

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "kubernetes"
VERSIONS = (all_versions()[0], all_versions()[-1])
CONFIGS: dict[str, type[ServiceConfig]] = {
    "profile": ProfileConfig,
    "credentials": CredentialsConfig,
    "sessions": SessionsConfig,
    "gateway": GatewayConfig,
}
JOB = "organization/job.yaml"
Manifest = dict[str, Any]


def read(name: str) -> list[Manifest]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


@cache
def kustomization() -> Manifest:
    (found,) = read("kustomization.yaml")
    return found


def merged(base: Any, patch: Any) -> Any:
    """Merge strategically: maps by key, lists of what is named by name, the rest is replaced."""
    if isinstance(base, dict) and isinstance(patch, dict):
        both = {key: merged(base[key], patch[key]) for key in base.keys() & patch.keys()}
        return base | patch | both
    if _is_named(base) and _is_named(patch):
        names = dict.fromkeys(each["name"] for each in [*base, *patch])
        return [merged(_named(base, name), _named(patch, name)) for name in names]
    return base if patch is None else patch


def _is_named(items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(i, dict) and "name" in i for i in items)


def _named(items: list[Manifest], name: str) -> Manifest:
    return next((each for each in items if each["name"] == name), {})


def patched(manifest: Manifest) -> Manifest:
    """Return a manifest as kustomize makes it."""
    found = manifest
    for patch in kustomization()["patches"]:
        target = patch["target"]
        is_meant = re.fullmatch(target.get("name", ".*"), found["metadata"]["name"])
        if found["kind"] == target["kind"] and is_meant:
            (changes,) = read(patch["path"])
            name = found["metadata"]["name"]
            found = merged(found, changes)
            found["metadata"] = found["metadata"] | {"name": name}
    return found


def applied() -> list[Manifest]:
    resources = [each for name in kustomization()["resources"] for each in read(name)]
    return [patched(each) for each in [*resources, *read(JOB)]]


def pods() -> dict[str, Manifest]:
    """Return every pod that is started, by the name of what starts it."""
    starting = (each for each in applied() if each["kind"] in {"Deployment", "Job"})
    return {each["metadata"]["name"]: each["spec"]["template"] for each in starting}


def containers(pod: Manifest) -> list[Manifest]:
    return [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]


def of_kind(kind: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in applied() if each["kind"] == kind}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_what_the_api_takes(version: str) -> None:
    assert len(applied()) > 15
    for manifest in applied():
        validate(manifest, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_slip_would_be_noticed(version: str) -> None:
    deployment = of_kind("Deployment")["gateway"]
    spec = deployment["spec"]
    for slip in (spec | {"replica": 2}, spec | {"replicas": "two"}, {"replicas": 2}):
        with pytest.raises(ValidationError):
            validate(deployment | {"spec": slip}, version, strict=True)


def test_every_file_is_used() -> None:
    used = {*kustomization()["resources"], JOB, "kustomization.yaml"}
    used |= {each["path"] for each in kustomization()["patches"]}
    assert {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.yaml")} == used


@pytest.mark.parametrize("name", CONFIGS)
def test_a_service_is_reached_where_it_listens(name: str) -> None:
    service, budget = of_kind("Service")[name], of_kind("PodDisruptionBudget")[name]
    deployment = of_kind("Deployment")[name]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert service["spec"]["selector"] == selector == labels
    assert budget["spec"]["selector"]["matchLabels"] == labels
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    fields = CONFIGS[name].model_fields
    assert ports == {"http": fields["port"].default, "metrics": fields["metrics_port"].default}
    (port,) = service["spec"]["ports"]
    assert (port["targetPort"], port["port"]) == ("http", ports["http"])
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports


@pytest.mark.parametrize("name", CONFIGS)
def test_a_service_is_told_what_it_needs(name: str) -> None:
    maps = {each["name"]: each["literals"] for each in kustomization()["configMapGenerator"]}
    told = dict(each.partition("=")[::2] for each in maps[name])
    for container in containers(pods()[name]):
        assert container["envFrom"] == [
            {"configMapRef": {"name": name}},
            {"secretRef": {"name": name}},
        ]
    fields = CONFIGS[name].model_fields
    known = {f"{name}_{field}".upper() for field in fields}
    required = {f"{name}_{f}".upper() for f, each in fields.items() if each.is_required()}
    secret = {f"{name}_{f}".upper() for f in fields if re.search("key|secret|pepper|_url", f)}
    assert set(told) <= known
    assert required <= set(told) | secret
    assert told[f"{name.upper()}_HOST"] == "0.0.0.0"  # noqa: S104 - a pod has its own network
    peers = {key: value for key, value in told.items() if value.startswith("http://")}
    assert set(peers.values()) <= {
        f"http://{each}:{of_kind('Service')[each]['spec']['ports'][0]['port']}" for each in CONFIGS
    }


def test_every_pod_meets_the_standard_that_its_namespace_enforces() -> None:
    labels = of_kind("Namespace")["account-portal"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert len(pods()) == 5
    for pod in pods().values():
        security = pod["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {key for each in pod["spec"].get("volumes", []) for key in each} <= {
            "name",
            "emptyDir",
        }
        for container in containers(pod):
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
        mounted = {m["name"] for each in containers(pod) for m in each.get("volumeMounts", [])}
        assert mounted == {each["name"] for each in pod["spec"].get("volumes", [])}


def test_what_is_let_in_is_there() -> None:
    apps = {
        pod["metadata"]["labels"]["app"] for pod in pods().values() if "labels" in pod["metadata"]
    }
    ports = {
        each["name"]
        for pod in pods().values()
        for c in containers(pod)
        for each in c.get("ports", [])
    }
    for policy in of_kind("NetworkPolicy").values():
        named = re.findall(r"'values': \[([^]]*)\]", str(policy["spec"]))
        assert {name for each in named for name in re.findall(r"'(.*?)'", each)} <= apps
        for rule in policy["spec"].get("ingress", []):
            assert {each["port"] for each in rule["ports"]} <= ports


def test_images_are_those_that_are_built() -> None:
    targets = (FOLDER.parent / "Dockerfile").read_text()
    images = {each["image"] for pod in pods().values() for each in containers(pod)}
    assert images == {f"account-portal/{name}" for name in [*CONFIGS, "tools"]}
    assert "AS tools" in targets
    assert "ARG SERVICE" in targets
