"""The containers of deploy/compose.yaml: closed to other machines, and without secrets."""

from pathlib import Path

import pytest

COMPOSE = Path(__file__).parents[1] / "deploy" / "compose.yaml"


@pytest.fixture
def services():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return yaml.safe_load(COMPOSE.read_text())["services"]


def test_the_ports_are_for_this_machine_alone(services):
    ports = [port for service in services.values() for port in service["ports"]]
    assert [port.split(":")[0] for port in ports] == ["127.0.0.1", "127.0.0.1"]


def test_nothing_may_be_written_but_volumes(services):
    assert all(service["read_only"] for service in services.values())
    mounts = [mount for service in services.values() for mount in service["volumes"]]
    assert all(mount.endswith(":ro") for mount in mounts if mount.startswith("."))


def test_secrets_come_from_a_file_that_is_not_in_the_repository(services):
    assert not any("environment" in service for service in services.values())
    assert services["edge"]["env_file"] == ["edge.env"]
    assert "/deploy/edge.env" in (COMPOSE.parents[1] / ".gitignore").read_text().splitlines()
