"""For people who change Runyard: `runyard up --reload` restarts its processes when a source file changes."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from runyardctl.logs import Log
from runyardctl.product import ROOT, Product
from runyardctl.step import run_step
from runyardctl.supervisor import Supervisor

FOLDERS = ("platform/runyard", "workloads", "metrics", "templates", "static")
ENDINGS = {".py", ".html", ".css", ".js", ".svg"}
RESTARTED = ("Web", "Worker", "Beat", "Collector")


async def follow(supervisor: Supervisor, product: Product) -> None:
    """Look once a second, until cancelled."""
    seen = await asyncio.to_thread(_state)
    while True:
        await asyncio.sleep(1)
        now = await asyncio.to_thread(_state)
        if changed := sorted(path for path, _ in now ^ seen):
            supervisor.say(f"Changed: {changed[0].relative_to(ROOT)}")
            await _restart(supervisor, product)
        seen = now


async def _restart(supervisor: Supervisor, product: Product) -> None:
    log = Log(product.home.logs, "static-files")
    await run_step("Static files", product.manage("collectstatic", "--no-input", "-v", "0"), log)
    children = [child for child in supervisor.children if child.service.name in RESTARTED]
    await asyncio.gather(*(child.restart() for child in children))


def _state() -> set[tuple[Path, int]]:
    return set(_files())


def _files() -> Iterator[tuple[Path, int]]:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in ENDINGS:
                yield path, path.stat().st_mtime_ns
