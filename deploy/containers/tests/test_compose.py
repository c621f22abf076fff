"""What docker-compose.yml must hold, read from what `docker compose config` makes of it."""

import copy
import json
from typing import Any

import pytest

SERVICES = {"customers": "8001", "feedback": "8002", "loyalty": "8003", "analytics": "8004"}
ONCE = {"prepare", "topics", "demo", *(f"migrate-{name}" for name in SERVICES)}
COMPLETED, HEALTHY = "service_completed_successfully", "service_healthy"


@pytest.fixture(scope="module")
def config(compose, secrets) -> dict[str, Any]:
    done = compose("config", "--format", "json", variables=secrets)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def containers(config) -> dict[str, dict[str, Any]]:
    return config["services"]


def weaknesses(container: dict[str, Any]) -> set[str]:
    """Tell what a container is allowed that it should not be."""
    tag = container["image"].rpartition("/")[2].partition(":")[2]
    health = container.get("healthcheck", {})
    once = container["restart"] == "no"
    found = {
        "floating tag": tag in ("", "latest"),
        "writable root": not container.get("read_only"),
        "capabilities": container.get("cap_drop") != ["ALL"] or "cap_add" in container,
        "new privileges": "no-new-privileges:true" not in container.get("security_opt", []),
        "privileged": container.get("privileged", False),
        "no health check": not once and not (health.get("test") and health.get("start_period")),
        "health check of a container that ends": once and not health.get("disable"),
        "reachable from outside": any(port.get("host_ip") != "127.0.0.1" for port in container.get("ports", [])),
        "root": container.get("user") in ("root", "0", "0:0"),
    }
    return {name for name, is_so in found.items() if is_so}


def conditions(container: dict[str, Any]) -> dict[str, str]:
    return {name: needed["condition"] for name, needed in container.get("depends_on", {}).items()}


def test_no_container_is_weak(containers):
    assert {name: found for name, container in containers.items() if (found := weaknesses(container))} == {}


@pytest.mark.parametrize(
    ("change", "weakness"),
    [
        ({"image": "postgres:latest"}, "floating tag"),
        ({"image": "example:5000/postgres"}, "floating tag"),
        ({"read_only": False}, "writable root"),
        ({"cap_add": ["SYS_ADMIN"]}, "capabilities"),
        ({"security_opt": []}, "new privileges"),
        ({"privileged": True}, "privileged"),
        ({"healthcheck": {}}, "no health check"),
        ({"ports": [{"published": "8001", "target": 8000}]}, "reachable from outside"),
        ({"user": "root"}, "root"),
    ],
)
def test_each_weakness_is_seen(containers, change, weakness):
    assert weaknesses(copy.deepcopy(containers["postgres"]) | change) == {weakness}


def test_there_are_four_services_on_their_ports(containers):
    published = {name: container["ports"] for name, container in containers.items() if "ports" in container}
    assert {name: ports[0]["published"] for name, ports in published.items()} == SERVICES
    assert {name for name, container in containers.items() if container["restart"] == "no"} == ONCE


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_after_its_own_migration_and_the_topics(containers, service):
    assert conditions(containers[service]) == {f"migrate-{service}": COMPLETED, "topics": COMPLETED}
    assert conditions(containers[f"migrate-{service}"]) == {"prepare": COMPLETED}
    assert conditions(containers["prepare"]) == {"postgres": HEALTHY}
    assert conditions(containers["topics"]) == {"kafka": HEALTHY}


@pytest.mark.parametrize("service", SERVICES)
def test_a_migration_reads_all_settings_of_its_service(containers, service):
    for key in ("environment", "image", "build"):
        assert containers[f"migrate-{service}"][key] == containers[service][key]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_knows_no_secret_of_another(containers, secrets, service):
    own = {f"{service.upper()}_DATABASE_PASSWORD"} | ({"SERVER_KEY"} if service == "customers" else set())
    text = json.dumps(containers[service]["environment"])
    assert {name for name, value in secrets.items() if value in text} == own


def test_the_names_of_the_settings_are_those_of_the_service(containers):
    for service in SERVICES:
        assert all(name.startswith(f"{service.upper()}_") for name in containers[service]["environment"])


def test_the_demo_is_loaded_only_when_asked_for(containers):
    assert [name for name, container in containers.items() if container.get("profiles")] == ["demo"]
    assert conditions(containers["demo"]) == dict.fromkeys(SERVICES, HEALTHY)


def test_postgres_keeps_its_data_where_version_18_expects_it(containers):
    assert [(volume["source"], volume["target"]) for volume in containers["postgres"]["volumes"]] == [("postgres", "/var/lib/postgresql")]


def test_no_secret_has_a_default(compose, secrets):
    for name in secrets:
        done = compose("config", "--quiet", variables={key: value for key, value in secrets.items() if key != name})
        assert done.returncode != 0
        assert f"{name} is missing a value" in done.stderr
        assert "make_env" in done.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("condition: service_healthy", "condition: service_happy"), ("prepare:\n    <<", "prepared:\n    <<"), ("shm_size:", "shm_sizes:")],
)
def test_a_mistake_in_the_file_is_refused(root, compose, secrets, tmp_path, right, wrong):
    text = (root / "docker-compose.yml").read_text()
    assert right in text
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(text.replace(right, wrong))
    assert compose("config", "--quiet", file=broken, variables=secrets).returncode != 0
