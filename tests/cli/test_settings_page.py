"""docs/settings.md and the code name the same variables; production says which it lacks."""

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPELLED = re.compile(r"RUNYARD_[A-Z_]*[A-Z]")
READ = re.compile(r'(?:env\.(?:text|words|whole|networks)|_variable)\(\s*"([A-Z_]+)"')
TOLD_BY_THE_CLUSTER = ("RUNYARD_VOLUME", "RUNYARD_MOUNT")


def named_by_the_code() -> set[str]:
    names: set[str] = set()
    for folder in ("platform", "workloads", "metrics"):
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text()
            names |= set(SPELLED.findall(text)) | {f"RUNYARD_{name}" for name in READ.findall(text)}
    return {name for name in names if not name.startswith(TOLD_BY_THE_CLUSTER)}


def test_every_variable_is_documented_and_none_is_made_up():
    documented = set(
        re.findall(r"^\| `(RUNYARD_[A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text(), re.M)
    )
    assert documented - {"RUNYARD_TEST_DATABASE_URL"} == named_by_the_code()


def test_production_names_everything_it_lacks_at_once():
    env = {name: value for name, value in os.environ.items() if not name.startswith("RUNYARD_")}
    argv = [sys.executable, "manage.py", "check"]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    for name in ("SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL"):
        assert f"RUNYARD_{name}" in last


def test_in_production_no_page_of_a_tool_can_set_a_cookie_of_ours():
    """A browser takes such names from this very host alone, though tools may be below the same domain."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("RUNYARD_")} | {
        "RUNYARD_MODE": "production",
        "RUNYARD_ALLOWED_HOSTS": "runyard.example.com",
        "RUNYARD_DATABASE_URL": "postgresql://runyard@localhost/runyard",
        "RUNYARD_REDIS_URL": "redis://localhost:6379/0",
        "RUNYARD_SECRET_KEY": secrets.token_urlsafe(64),
        "PYTHONPATH": str(ROOT / "platform"),
    }
    code = "from runyard import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.stdout.split() == ["__Host-runyard_session", "__Host-runyard_csrf"], done.stderr
