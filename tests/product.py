"""`runyard up` as a process of the tests' own, with what a person at the terminal sees of it, and its API.

Used by tests of the command, by the journeys and by the benchmarks. Nothing of it is replaced.
"""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from runyardctl.poll import until
from runyardctl.process import is_gone
from tests.embedded import free_port

AWAY = (httpx.TransportError, httpx.HTTPStatusError)


class Up:
    """One `runyard up` in a home of its own, its lines in a file beside it."""

    def __init__(self, home: Path, port: int, *words: str, **env: str) -> None:
        self.home, self.port = home, port
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNYARD_")}
        self.env = clean | env | {"RUNYARD_HOME": str(home), "RUNYARD_PORT": str(port)}
        self.lines = home.with_suffix(".out")
        self.began = time.monotonic()
        with self.lines.open("wb") as output:
            argv = [sys.executable, "-m", "runyardctl", "up", *words]
            self.process = subprocess.Popen(argv, env=self.env, stdout=output, stderr=subprocess.STDOUT)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def text(self) -> str:
        return self.lines.read_text()

    def shown(self, title: str) -> str:
        """What the banner says after `title`: "Password", "Sign in"; fails when it does not."""
        found = re.search(rf"^  {title} +(\S+)", self.text, re.M)
        assert found, self.text
        return found[1]

    def wait_until_serving(self) -> float:
        """Seconds from the command to the first page."""
        assert until(lambda: self.process.poll() is not None or self.serves(), 180), self.text
        assert self.process.poll() is None, self.text
        return time.monotonic() - self.began

    def wait_for(self, text: str) -> None:
        assert until(lambda: text in self.text, 120), self.text

    def serves(self, path: str = "/") -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as page:
                return b"<html" in page.read()
        except (OSError, urllib.error.HTTPError):
            return False

    def child(self, name: str) -> psutil.Process:
        return psutil.Process(int((self.home / "pids" / f"{name.lower()}.pid").read_text().split()[0]))

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, sign: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(sign)
        return self.process.wait(120)

    def tails(self, lines: int = 25) -> str:
        """The end of what it printed and of each of its logs."""
        files = [self.lines, *sorted((self.home / "logs").glob("*.log"))]
        return "\n".join(f"--- {file.name}\n{_tail(file, lines)}" for file in files)


@contextmanager
def running(home: Path, *words: str) -> Iterator[Up]:
    """`runyard up`, started as a person does, once all of it is there; SIGTERM ends it and leaves nothing."""
    up = Up(home, free_port(), *words)
    try:
        up.wait_until_serving()
        up.wait_for("Ctrl-C")
        yield up
    finally:
        processes = up.processes() if up.process.poll() is None else []
        code = up.end(signal.SIGTERM) if up.process.poll() is None else up.process.returncode
    assert code == 0, up.tails()
    assert all(map(is_gone, processes)), "something was left running"


def _tail(file: Path, lines: int) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])


class Api:
    """The REST API, signed in as a person does: by the form, with a session and its CSRF token."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=60)
        self._client.get("/sign-in/").raise_for_status()
        form = {"username": username, "password": password, "csrfmiddlewaretoken": self._token}
        assert self._client.post("/sign-in/", data=form).status_code == 302, "name or password is wrong"

    @property
    def _token(self) -> str:
        return self._client.cookies["runyard_csrf"]

    @property
    def cookie(self) -> str:
        """The header with which another client is this person."""
        return "; ".join(f"{name}={value}" for name, value in self._client.cookies.items())

    def close(self) -> None:
        self._client.close()

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Raises httpx.HTTPError when it is not answered, or not with success."""
        headers = {"X-CSRFToken": self._token}
        answer = self._client.request(method, f"/api/v1{path}", json=body, headers=headers)
        if answer.is_error:
            raise httpx.HTTPStatusError(answer.text[:1000], request=answer.request, response=answer)
        return answer

    def submit(self, name: str, command: str, **fields: Any) -> int:
        """Submit a small training to the project `default`; its id."""
        small = {"project": "default", "image": "python:3.11", "cpu": "10m", "memory": "64Mi"}
        return int(
            self.call("POST", "/workloads", small | {"name": name, "command": command, **fields}).json()["id"]
        )

    def read(self, pk: int) -> dict[str, Any]:
        return dict(self.call("GET", f"/workloads/{pk}").json())

    def named(self, name: str) -> list[dict[str, Any]]:
        found = self.call("GET", f"/workloads?search={name}").json()["workloads"]
        return [row for row in found if row["name"] == name]

    def pods(self, pk: int) -> list[dict[str, Any]]:
        return list(self.call("GET", f"/workloads/{pk}/pods").json()["pods"])

    def phases(self, pk: int) -> list[str]:
        """Every phase it has entered, in order."""
        entered = self.call("GET", f"/workloads/{pk}/events?type=phase").json()["events"]
        return [event["title"] for event in reversed(entered)]

    def log(self, pk: int, **query: str) -> str:
        return self.call("GET", f"/workloads/{pk}/log?{httpx.QueryParams(query)}").text

    def act(self, pk: int, verb: str) -> None:
        self.call("POST", f"/workloads/{pk}/{verb}")

    def delete(self, pk: int) -> None:
        self.call("DELETE", f"/workloads/{pk}")

    def wait(self, pk: int, phase: str, seconds: float = 90) -> dict[str, Any]:
        """Poll until it is in `phase`; a server that is away meanwhile is asked again."""
        return self.insist(lambda: _in(self.read(pk), phase), seconds, f"workload {pk} to be {phase}")

    def insist(self, ask: Callable[[], Any], seconds: float, what: str) -> Any:
        """Poll `ask` until it answers something true; the server may be away meanwhile."""
        ends, last = time.monotonic() + seconds, None
        while time.monotonic() < ends:
            try:
                last = ask()
            except AWAY as error:
                last = error
            else:
                if last:
                    return last
            time.sleep(0.05)
        raise AssertionError(f"waited {seconds} s in vain for {what}: {last!r}")


def _in(row: dict[str, Any], phase: str) -> dict[str, Any] | None:
    """The row once it is in `phase`; an end that is not the one waited for fails at once."""
    if row["phase"] != phase and row["phase"] in ("Failed", "Completed"):
        raise AssertionError(f"{row['name']} is {row['phase']}: {row['reason']} {row['message']}")
    return row if row["phase"] == phase else None
