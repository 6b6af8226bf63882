"""A tool through the door against the same tool asked directly: requests a second, and bytes.

The tool is a real JupyterLab, a workspace of the whole product on its embedded cluster; both ways are asked
in turn by the same client over as many connections.
"""

import asyncio
import shlex
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import httpx

from tests.bench.report import Result, median
from tests.bench.story import PATIENCE, Cluster, running
from tests.product import Api, Up

CONNECTIONS, SECONDS, ROUNDS, MIB = 8, 3.0, 5, 2**20
TOKEN = {"token": "bench"}
LAB = [str(Path(sys.executable).parent / "jupyter-lab"), "--ip=$(POD_IP)", "--port=8888", "--no-browser"]
OPTIONS = ["--allow-root", "--ServerApp.allow_remote_access=True", "--ServerApp.disable_check_xsrf=True"]
Ways = dict[str, tuple[str, dict[str, str]]]


def measure() -> list[Result]:
    """In a new home under the temporary folder, removed afterwards. Medians of ROUNDS."""
    with running() as up, Cluster(up.home) as cluster:
        api = Api(up.url, "admin", up.shown("Password"))
        pk = api.submit(
            "lab",
            shlex.join([*LAB, *OPTIONS]),
            kind="workspace",
            tools=[{"kind": "jupyter"}],
            environment={"JUPYTER_TOKEN": TOKEN["token"]},
            memory="1Gi",
        )
        host, cookie = _let_in(up, api, pk)
        [pod] = api.pods(pk)
        address = cluster.pod(pod["name"])["status"]["podIP"]
        api.close()
        ways = {
            "direct": (f"http://{address}:8888", {}),
            "door": (up.url, {"Host": host, "Cookie": cookie}),
        }
        return asyncio.run(_measure(ways))


def _let_in(up: Up, api: Api, pk: int) -> tuple[str, str]:
    """The tool's host, and the cookie of a visit, once it answers."""
    with httpx.Client(base_url=up.url, headers={"Cookie": api.cookie}, timeout=PATIENCE) as client:
        ends = time.monotonic() + PATIENCE
        while (door := client.get(f"/workloads/{pk}/connect/jupyter")).status_code != 302:
            assert time.monotonic() < ends, door.text
            time.sleep(0.2)
        to = urlsplit(door.headers["location"])
        entered = httpx.get(f"{up.url}{to.path}?{to.query}", headers={"Host": to.netloc})
        return to.netloc, entered.headers["set-cookie"].split(";")[0]


async def _measure(ways: Ways) -> list[Result]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as client:
        body = {"type": "file", "format": "text", "content": "x" * MIB}
        url = ways["direct"][0] + "/api/contents/mib.txt"
        async with client.put(url, params=TOKEN, json=body) as answer:
            assert answer.status == 201, await answer.text()
        requests = await _in_turn(client, ways, "/api/status")
        bodies = await _in_turn(client, ways, "/files/mib.txt")
    return [
        _result("tool through the door, requests", requests, "requests/s", 0.5),
        _result("tool through the door, bodies of 1 MiB", bodies, "MiB/s", 0.8),
    ]


async def _in_turn(client: aiohttp.ClientSession, ways: Ways, path: str) -> dict[str, float]:
    """Answers a second, by way."""
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, (base, headers) in ways.items():
            rates[way].append(await _rate(client, base + path, headers))
    return {way: median(found) for way, found in rates.items()}


async def _rate(client: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> float:
    began, done = time.perf_counter(), 0
    ends = began + SECONDS

    async def ask() -> None:
        nonlocal done
        while time.perf_counter() < ends:
            async with client.get(url, params=TOKEN, headers=headers) as answer:
                assert answer.status == 200, (url, answer.status)
                await answer.read()
                done += 1

    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    return done / (time.perf_counter() - began)


def _result(what: str, rates: dict[str, float], unit: str, goal: float) -> Result:
    ratio = rates["door"] / rates["direct"]
    yardstick = f"JupyterLab itself, {rates['direct']:,.0f} {unit}"
    return Result(what, f"{rates['door']:,.0f} {unit}", yardstick, ratio, f">= {goal}x", ratio >= goal)
