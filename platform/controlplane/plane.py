"""A running control plane: what starts in which order, and the end of all of it.

Used by `__main__` (in the foreground) and by the tests, which also reach into its processes to make faults.
"""

import atexit
import os
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from controlplane import claims, kubeconfig, kwok, nodes
from controlplane.building import Kit
from controlplane.client import Client
from controlplane.commandlines import HOST, CommandLines, Ports
from controlplane.pki import Pki
from controlplane.ports import becomes_free
from controlplane.process import Process
from controlplane.profile import Profile
from controlplane.trouble import CannotStart

NODES_SECONDS = 90.0
ATTEMPTS = 3
_TAKEN = "address already in use"


class ControlPlane:
    """The one in `home` (state, logs, kubeconfigs). `with` it: running inside, nothing left afterwards.

    `port` is the API server's, from 0 to 65535; None or 0: any that is free.
    """

    def __init__(self, kit: Kit, home: Path, profile: Profile, port: int | None = None) -> None:
        self.kit, self.home, self.profile = kit, home, profile
        self.pki = Pki(home / "pki")
        self.processes: dict[str, Process] = {}
        self._port = port
        self.etcd_url = ""
        self._client: Client | None = None
        atexit.register(self.stop)

    def __enter__(self) -> "ControlPlane":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        atexit.unregister(self.stop)

    @property
    def client(self) -> Client:
        """The administrator's, once it runs."""
        assert self._client, "it does not run"
        return self._client

    def kubeconfig(self, user: str = "admin") -> Path:
        """The file by which `user`, one of pki.USERS, is let in."""
        return self.home / f"kubeconfig-{user}"

    def start(self) -> None:
        """Start everything of the profile and wait until all of it is ready. Raises CannotStart.

        A port that somebody took between looking and listening is no reason to give up.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start(self._ports())
            except CannotStart as trouble:
                self.stop()
                if _TAKEN not in str(trouble) or attempt == ATTEMPTS:
                    raise
            except httpx.HTTPError as error:
                self.stop()
                raise CannotStart(f"the API server does not let itself be set up: {error}") from error
            except BaseException:
                self.stop()
                raise
            else:
                return

    def stop(self) -> None:
        """End everything, the last started first; what goes wrong is raised once all ended. Idempotent."""
        with ExitStack() as last_first:
            last_first.callback(self._forget)
            for process in self.processes.values():
                last_first.callback(process.end)
                if process.name == "kube-apiserver":  # who makes folders has ended before
                    last_first.callback(self._remove_folders)

    def dead(self) -> Process | None:
        """A process that ended by itself, None while all run."""
        return next((process for process in self.processes.values() if process.pid is None), None)

    def compact(self) -> None:
        """Have etcd forget what was before now, so that older versions are expired."""
        now = _asked(f"{self.etcd_url}/v3/maintenance/status", {})["header"]["revision"]
        _asked(f"{self.etcd_url}/v3/kv/compaction", {"revision": now, "physical": True})

    def tails(self) -> str:
        """The end of every log, for a person."""
        return "\n".join(process.story("was started as") for process in self.processes.values())

    def _start(self, ports: Ports) -> None:
        lines = CommandLines(self.kit, self.home, self.profile, self.pki, self.kubeconfig(), ports)
        address = f"https://{HOST}:{ports.api}"
        for user, token in self.pki.tokens.items():
            kubeconfig.write(self.kubeconfig(user), address, self.pki.authority, token)
        self.etcd_url = lines.etcd_url
        client = self._client = Client(address, self.pki.authority, self.pki.tokens["admin"])
        self._run("etcd", lines.etcd(), lambda: _answers(f"{lines.etcd_url}/health"))
        self._run("kube-apiserver", lines.api_server(), client.is_ready)
        if not self.profile.runs:
            return
        controllers = f"https://{HOST}:{ports.controllers}/healthz"
        scheduler = f"https://{HOST}:{ports.scheduler}/healthz"
        self._run("kube-controller-manager", lines.controllers(), lambda: _answers(controllers))
        self._run("kube-scheduler", lines.scheduler(), lambda: _answers(scheduler))
        configuration = kwok.prepare(self.kit, client, self.home)
        self._run("kwok", lines.kwok(configuration), lambda: _answers(f"http://{HOST}:{ports.kwok}/healthz"))
        nodes.create(client, self.profile.nodes)
        self._wait_for_nodes()

    def _remove_folders(self) -> None:
        """A server that does not answer leaves them."""
        if self.profile.runs:
            with suppress(httpx.HTTPError):
                claims.remove_folders(self.client)

    def _forget(self) -> None:
        self.processes.clear()
        if self._client:
            self._client.close()
            self._client = None

    def _ports(self) -> Ports:
        if not self._port:
            return Ports()
        place = f"port {self._port} of {HOST}"
        try:
            if becomes_free(self._port):
                return Ports(api=self._port)
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise CannotStart(f"cannot listen on {place}: {why}; choose another port") from error
        raise CannotStart(f"{place} is taken by another program; end that, or choose another port")

    def _run(self, name: str, argv: list[str], is_ready: Callable[[], bool]) -> None:
        (self.home / "logs").mkdir(exist_ok=True)
        process = Process(name, argv, self.home / "logs" / f"{name}.log", is_ready)
        self.processes[name] = process
        process.start()

    def _wait_for_nodes(self) -> None:
        """Until every node is Ready and takes pods: a scheduler that finds none is slow to look again."""
        ends = time.monotonic() + NODES_SECONDS
        while waiting := self._unready():
            if dead := self.dead():
                raise CannotStart(dead.story("ended while its nodes got ready"))
            if time.monotonic() > ends:
                raise CannotStart(self.processes["kwok"].story(f"left {len(waiting)} nodes not ready"))
            time.sleep(0.1)

    def _unready(self) -> list[str]:
        found = {node["metadata"]["name"]: node for node in self.client.get("/api/v1/nodes")["items"]}
        planned = (name for name, _ in nodes.planned(self.profile.nodes))
        return [name for name in planned if not (name in found and nodes.takes_pods(found[name]))]


# The components show certificates that they made themselves.
_BLIND = httpx.Client(verify=False, timeout=3, trust_env=False)  # noqa: S501


def _asked(url: str, question: dict[str, Any]) -> Any:
    return _BLIND.post(url, json=question, timeout=30).raise_for_status().json()


def _answers(url: str) -> bool:
    try:
        return _BLIND.get(url).status_code == 200
    except httpx.HTTPError:
        return False
