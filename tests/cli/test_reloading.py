"""`runyard up --reload`: a changed source file restarts the product's own processes and no service."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from runyardctl import reloading
from runyardctl.child import Patience
from runyardctl.home import Home
from runyardctl.product import Product
from runyardctl.supervisor import Supervisor
from tests.cli.yard import StandIn


@pytest.fixture
def source(monkeypatch, tmp_path) -> Path:
    monkeypatch.setattr(reloading, "ROOT", tmp_path)
    monkeypatch.setattr(reloading, "run_step", lambda *_: asyncio.sleep(0))
    folder = tmp_path / "workloads"
    folder.mkdir()
    (folder / "models.py").touch()
    return folder


@pytest.fixture
def looks(monkeypatch) -> list[int]:
    """How many files each look at the sources has found so far."""
    found, look = [], reloading._state

    def counted():
        state = look()
        found.append(len(state))
        return state

    monkeypatch.setattr(reloading, "_state", counted)
    return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_changed_file_restarts_web_and_worker_but_not_the_database(tmp_path, source, looks):
    home, lines = Home(tmp_path / "home"), []
    home.make()
    async with Supervisor(home, lines.append, Patience()) as supervisor:
        children = [
            await supervisor.start(StandIn(name, "steady", home.folder))
            for name in ("Database", "Worker", "Web")
        ]
        pids = [child.pid for child in children]
        keeping = asyncio.create_task(supervisor.keep(reloading.follow(supervisor, Product(home))))
        await until(lambda: bool(looks))
        (source / "notes.txt").touch()
        (source / "views.py").touch()
        for child, pid in list(zip(children, pids, strict=True))[1:]:
            await until(lambda child=child, pid=pid: child.ready and child.pid not in (None, pid))
        keeping.cancel()
        assert children[0].pid == pids[0]
    assert f"Changed: {source.name}/views.py" in lines
