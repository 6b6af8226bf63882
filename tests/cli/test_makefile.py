"""What `make` says on a machine that lacks something, and that its set-up is quick the second time."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path) -> Path:
    """A folder with what the first step of the set-up needs."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    return tmp_path


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    outside = {
        key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    return subprocess.run(
        ["make", *words], cwd=folder, env=outside, capture_output=True, text=True, timeout=60
    )


def stand_in(folder: Path, text: str) -> str:
    python = folder / "python-of-old"
    python.write_text(f"#!/bin/sh\n{text}\n")
    python.chmod(0o755)
    return f"PYTHON={python}"


def test_a_python_too_old_is_said_in_one_line(clone):
    done = make(clone, ".venv/python.stamp", stand_in(clone, "exit 1"))
    assert done.returncode != 0
    assert done.stdout.startswith("Runyard needs Python 3.11 or newer")
    assert len(done.stdout.splitlines()) == 1


def test_a_missing_pip_is_said_in_one_line_with_the_package_s_name(clone):
    done = make(clone, ".venv/python.stamp", stand_in(clone, '[ "$1" != -m ]'))
    assert done.returncode != 0
    assert "has no pip; install it (Debian, Ubuntu: apt-get install python3-pip)" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_the_environment_is_made_without_pip_and_only_once(clone):
    assert make(clone, ".venv/python.stamp").returncode == 0
    assert (clone / ".venv" / "bin" / "python").exists()
    assert not (clone / ".venv" / "bin" / "pip").exists()
    assert make(clone, "--question", ".venv/python.stamp").returncode == 0


def test_changed_requirements_are_installed_again(clone):
    assert make(clone, ".venv/python.stamp").returncode == 0
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        (clone / name).touch()
    for stamp in ("run", "dev"):
        (clone / ".venv" / f"{stamp}.stamp").touch()
    assert make(clone, "--question", ".venv/dev.stamp").returncode == 0
    subprocess.run(["touch", "--date", "tomorrow", clone / "requirements.txt"], check=True)
    assert make(clone, "--question", ".venv/dev.stamp").returncode == 1


def test_clean_refuses_while_runyard_runs(clone):
    (clone / "var").mkdir()
    (clone / "var" / "up.lock").touch()
    with (clone / "var" / "up.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "stop it first" in make(clone, "clean").stdout
        assert (clone / "var").exists()
    assert make(clone, "clean").returncode == 0
    assert not (clone / "var").exists()


def test_no_registry_stands_in_a_file():
    for name in ("requirements.txt", "requirements-dev.txt", "Makefile", "pyproject.toml", "Dockerfile"):
        text = (ROOT / name).read_text()
        assert "://" not in text.replace("postgresql://", "").replace("redis://", ""), name
        assert "--index-url" not in text
