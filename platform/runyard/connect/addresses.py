"""Where pods are now: asked of their cluster by name, and believed for the uid of our row alone.

A pod within the cluster's `pod_network` is gone to directly, under a host of its own (`17.pod.invalid`) that
each new connection looks up again: an address that another pod was given meanwhile is never connected to.
Connections of one moment share a look, and never one that began before they were wanted.
"""

import asyncio
import re
import socket
from typing import Any

import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from runyard.clusters.connection import ApiError, ClusterError, Silent, connect
from runyard.clusters.networks import EMBEDDED, holds
from runyard.connect.asking import NotReady, asked, give_connection_back
from runyard.connect.knocking import knock
from workloads.models import Pod
from workloads.tools import load

REACHED_SECONDS, ANSWER_SECONDS = 1.0, 5.0  # clusters that are silent hold up the tools of others
Where = tuple[int, int]  # the row of a pod, and a port
_HOST = re.compile(r"([1-9][0-9]{0,17})\.pod\.invalid\Z")


class _Meta(msgspec.Struct):
    uid: str = ""


class _Status(msgspec.Struct, rename={"pod_ip": "podIP"}):
    phase: str | None = ""
    pod_ip: str | None = ""


class _Pod(msgspec.Struct):
    metadata: _Meta
    status: _Status


_decode = msgspec.json.Decoder(_Pod).decode


def host_of(pod: Pod) -> str:
    """The name under which the client finds `pod` itself; no DNS knows it."""
    return f"{pod.pk}.pod.invalid"


def address_of(pod: Pod) -> str:
    """The address of `pod` where one may go there directly, else empty. Raises NotReady unless it runs."""
    give_connection_back()
    try:
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
        found = _decode(connect(pod.cluster).read("GET", path, read_seconds=ANSWER_SECONDS))
    except ApiError as error:
        raise NotReady(_GONE if error.code == 404 else str(error)) from error
    except (ClusterError, msgspec.MsgspecError) as error:
        raise NotReady(str(error)) from error
    if found.metadata.uid != pod.uid or found.status.phase != "Running":
        raise NotReady(_GONE)
    address = found.status.pod_ip or ""
    return address if holds(pod.cluster.pod_network, address) else ""


_GONE = "Its pod is gone, or another has its name; the new one is known in a moment."


def reaches(address: str, port: int) -> bool:
    """Whether something there takes a connection at once."""
    try:
        socket.create_connection((address, port), REACHED_SECONDS).close()
    except OSError:
        return False
    return True


class Resolver(AbstractResolver):
    """Of our client: pods by their rows, API servers by DNS."""

    def __init__(self) -> None:
        self._dns = ThreadedResolver()
        self._looks: dict[Where, asyncio.Task[str]] = {}
        self._next: dict[Where, asyncio.Task[str]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError."""
        match = _HOST.match(host)
        if match is None:
            return await self._dns.resolve(host, port, family)
        try:
            address = await self._now((int(match[1]), port))
        except NotReady as error:
            raise OSError(str(error)) from error
        return [_result(host, address, port)]

    async def close(self) -> None:
        await self._dns.close()

    async def _now(self, where: Where) -> str:
        """What a look finds that has not begun yet: however many connections come at once, they ask twice.

        The answer to one that is on its way may be older than the end of a tool, whose port is anybody's.
        """
        if where not in self._next:
            self._next[where] = asyncio.create_task(self._look(where, self._looks.get(where)))
            self._next[where].add_done_callback(_heard)
        return await asyncio.shield(self._next[where])

    async def _look(self, where: Where, before: asyncio.Task[str] | None) -> str:
        if before:
            await asyncio.wait([before])
        self._looks[where] = self._next.pop(where)
        try:
            return await asked(now, *where)
        finally:
            del self._looks[where]


def _heard(look: asyncio.Task[str]) -> None:
    """What it raises is nobody's where all who wanted it have gone."""
    if not look.cancelled():
        look.exception()


def now(pk: int, port: int) -> str:
    """Where the tool at `port` of the pod of that row is. Raises NotReady."""
    pod = Pod.objects.select_related("cluster", "workload").filter(pk=pk, gone_at=None).first()
    address = address_of(pod) if pod else ""
    if pod is None or not address or (holds(EMBEDDED, address) and not _is_its_own(pod, port)):
        raise NotReady(_GONE)
    return address


def _is_its_own(pod: Pod, port: int) -> bool:
    """Whether a tool of `pod` listens there: on one machine for all anybody may once a tool has ended."""
    tools = load(pod.workload.tools) if pod.workload else []
    tool = next((one for one in tools if one.port == port), None)
    if tool is None:
        return False
    try:
        knock(pod, tool)
    except Silent:  # the tool is: that the port is another's the cluster says at once
        return True
    except ApiError as error:
        return not error.reason
    except ClusterError:
        return False
    return True


def _result(host: str, address: str, port: int) -> Any:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)
