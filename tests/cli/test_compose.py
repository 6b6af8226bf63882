"""docker-compose.yml is well formed by the Compose schema; it and the image hold what the docs promise."""

import json
import subprocess
import sys
from pathlib import Path

import yaml

from runyardctl.home import Home
from runyardctl.product import Product
from runyardctl.product_services import Web

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SCHEMA_CHECK = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]


def test_it_passes_the_compose_schema():
    checked = subprocess.run([*SCHEMA_CHECK, str(COMPOSE)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_schema_check_would_notice_a_wrong_word(tmp_path):
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text("services:\n  web:\n    imagine: runyard\n")
    assert subprocess.run([*SCHEMA_CHECK, str(wrong)], capture_output=True).returncode != 0


def test_it_has_every_service_and_nothing_waits_for_one_that_is_not_there():
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    assert {"web", "worker", "beat", "redis", "postgres", "k3s"} <= services.keys()
    for service in services.values():
        assert services.keys() >= service.get("depends_on", {}).keys()


def test_it_keeps_no_secret_and_opens_loopback_only():
    text = COMPOSE.read_text()
    services = yaml.safe_load(text)["services"]
    for name in ("RUNYARD_SECRET_KEY", "RUNYARD_DATABASE_PASSWORD"):
        assert f"${{{name}:?" in text
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_variable_it_sets_is_documented():
    documented = (ROOT / "docs" / "settings.md").read_text()
    for name in yaml.safe_load(COMPOSE.read_text())["services"]["web"]["environment"]:
        assert f"`{name}`" in documented


def test_the_image_serves_as_runyard_up_does(tmp_path):
    _, cmd = (ROOT / "Dockerfile").read_text().split("\nCMD ")
    image = json.loads(cmd.replace("\\\n", ""))
    here = list(Web(Product(Home(tmp_path))).command().argv)
    for own in ("--host", "--port", "--log-level", "--timeout-graceful-shutdown"):
        at = here.index(own)
        del here[at : at + 2]
    options = here[here.index("runyard.asgi:application") + 1 :]
    assert set(options) <= set(image)
    assert {"--no-access-log", "runyard.kit.gathering:Protocol"} <= set(options)
