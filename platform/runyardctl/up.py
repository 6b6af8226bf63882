"""The order in which `runyard up` starts things, and what each of them needs first.

Everything that can be wrong without starting anything is checked before anything is started.
"""

import asyncio
import json
import time
from collections.abc import Coroutine
from typing import Any

from runyardctl import kit, outside, ports, reloading
from runyardctl.child import Patience
from runyardctl.cluster import Cluster, kubeconfig
from runyardctl.exporter import NODE_PORT, Exporter, is_wanted
from runyardctl.logs import Log
from runyardctl.postgres import Postgres
from runyardctl.process import Command
from runyardctl.product import Product
from runyardctl.product_services import Collector, Web, beat, worker
from runyardctl.stamps import Stamp
from runyardctl.step import run_step
from runyardctl.supervisor import Supervisor
from runyardctl.terminal import FirstAccount, banner, say
from runyardctl.trouble import Trouble
from runyardctl.valkey import Valkey

WHILE_DEVELOPING = Patience(deaths=1000)  # a half-written line ends the web server; the next save mends it
FAREWELL = "Stopping (Ctrl-C again hastens)"
FAREWELL_CLUSTER = (
    "Stopping (Ctrl-C again hastens).\n"
    "  Running workloads of the embedded cluster end too; their logs and rows stay."
)


def run_until_stopped(product: Product, reload: bool = False) -> None:
    """Start everything, wait for a signal, end everything. Raises Trouble when it cannot start or go on."""
    _check(product)
    try:
        asyncio.run(_up(product, reload))
    except BaseExceptionGroup as group:
        raise _cause(group) from group
    finally:
        product.home.unlock()
    say("Stopped")


def _check(product: Product) -> None:
    product.home.make()
    product.home.lock()
    ports.require_free(product.host, product.port)
    if product.database_url:
        outside.require_database(product.database_url)
    if product.redis_url:
        outside.require_redis(product.redis_url)
    if product.kubeconfig:
        product.kubeconfig = outside.require_kubeconfig(product.kubeconfig)
    else:
        _check_cluster(product)


def _check_cluster(product: Product) -> None:
    """One home, one cluster: the rows of another would be taken for gone."""
    home = product.home.folder
    if product.kit and kubeconfig(home).exists():
        raise Trouble(
            f"{home} has an embedded cluster; for --cluster kit set RUNYARD_HOME to a folder of its own."
        )
    if not product.kit and kit.kubeconfig(home).exists():
        raise Trouble(
            f"{home} has a cluster of the kit; add --cluster kit, or set RUNYARD_HOME to another one."
        )
    if product.kit:
        kit.require_built()


async def _up(product: Product, reload: bool) -> None:
    patience = WHILE_DEVELOPING if reload else Patience()
    async with Supervisor(product.home, say, patience) as supervisor:
        supervisor.farewell = FAREWELL if product.kubeconfig or product.kit else FAREWELL_CLUSTER
        steps = Steps(supervisor, product)
        await steps.start_everything()
        banner(product.url, steps.account, str(product.home.logs))
        await supervisor.keep(*([reloading.follow(supervisor, product)] if reload else []))


class Steps:
    """One start of the product: services and the commands between them."""

    def __init__(self, supervisor: Supervisor, product: Product) -> None:
        self.supervisor = supervisor
        self.product = product
        self.account: FirstAccount | None = None

    async def start_everything(self) -> None:
        """What does not need each other starts together; what does, one after the other."""
        await _together(self._database(), self._redis(), self._cluster(), self._static_files())
        services = (worker(self.product), beat(self.product), Collector(self.product), Web(self.product))
        await _together(self._first_start(), *(self.supervisor.start(service) for service in services))

    async def _database(self) -> None:
        if self.product.database_url:
            await self._migrate()
            return
        server = Postgres(self.product.home.folder)
        await self.supervisor.start(server)
        self.product.database_url = server.url
        stamp = Stamp(server.data / "runyard.stamp", self.product.migrations())
        if not stamp.holds():
            await self._migrate()
            stamp.set()

    async def _migrate(self) -> None:
        await self._step("Database", self.product.manage("migrate", "--no-input", "-v", "0"))

    async def _redis(self) -> None:
        if not self.product.redis_url:
            server = Valkey(self.product.home.folder)
            await self.supervisor.start(server)
            self.product.redis_url = server.url

    async def _cluster(self) -> None:
        if self.product.kubeconfig:
            return
        if self.product.kit:
            control_plane = kit.ControlPlane(self.product.home.folder)
            await self.supervisor.start(control_plane)
            self.product.kubeconfig = str(control_plane.kubeconfig)
            return
        cluster = Cluster(self.product.home.folder)
        if not await asyncio.to_thread(is_wanted):
            await self.supervisor.start(cluster)
        else:
            exporter = Exporter(self.product.home.folder, cluster.kubeconfig)
            cluster.node_ports = {NODE_PORT: exporter.port}
            await self.supervisor.start(cluster)
            await self.supervisor.start(exporter)
        self.product.kubeconfig = str(cluster.kubeconfig)

    async def _static_files(self) -> None:
        stamp = Stamp(self.product.static_root / ".stamp", self.product.static_sources())
        if not stamp.holds():
            await self._step("Static files", self.product.manage("collectstatic", "--no-input", "-v", "0"))
            stamp.set()

    async def _first_start(self) -> None:
        said = await self._step("First account", self.product.manage("first_start"))
        answer = json.loads(said.splitlines()[-1])
        link = answer.get("link")
        self.account = FirstAccount(
            answer["username"], answer.get("password"), f"{self.product.url}{link}" if link else None
        )

    async def _step(self, title: str, command: Command) -> str:
        began = time.monotonic()
        said = await run_step(title, command, Log(self.product.home.logs, title.lower().replace(" ", "-")))
        say(f"{title} ready ({time.monotonic() - began:.1f} s)")
        return said


async def _together(*things: Coroutine[Any, Any, object]) -> None:
    """Run all of `things` side by side; the first that fails ends the others."""
    async with asyncio.TaskGroup() as group:
        for thing in things:
            group.create_task(thing)


def _cause(group: BaseExceptionGroup) -> BaseException:
    """The first thing that went wrong; what it dragged along is not worth a second message."""
    cause: BaseException = group
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    return cause
