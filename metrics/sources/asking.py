"""How a Prometheus is asked, at its own address or through its cluster's API server; what fails, in words."""

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import msgspec
import urllib3

from metrics.pieces import PLAIN, Packed, pieces, refuse_packed
from metrics.sources.source import SourceError
from runyard.clusters.connection import ApiError, ClusterError, Connection, Silent, connect
from runyard.clusters.in_time import within
from runyard.clusters.models import Cluster
from runyard.clusters.unreached import says

MOST_BYTES = 10 * 2**20
CONNECT_SECONDS, READ_SECONDS = 5.0, 20.0
LOOK = "See whether its pod runs, and what its log says."


class Found(msgspec.Struct):
    """One series of an answer: `values` of a range, `value` of now; times in seconds, values as texts."""

    metric: dict[str, str]
    values: list[tuple[float, str]] = []
    value: tuple[float, str] = (0.0, "NaN")


class _Data(msgspec.Struct):
    resultType: str = ""
    result: list[Found] = []


class _Answer(msgspec.Struct):
    status: str
    data: _Data = msgspec.field(default_factory=_Data)
    error: str = ""


_decoder = msgspec.json.Decoder(_Answer)


class Client(Protocol):
    """Hashable: answers are cached by it."""

    def ask(self, path: str, parameters: Mapping[str, Any], kind: str) -> list[Found]:
        """The series of the answer, which must be of `kind`: matrix or vector. Raises SourceError."""


@dataclass(frozen=True, slots=True)
class Direct:
    """At an address of its own; by POST, for queries are long. Each request reads the token anew."""

    url: str
    token_file: str = ""
    ca_file: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def ask(self, path: str, parameters: Mapping[str, Any], kind: str) -> list[Found]:
        began = time.monotonic()
        try:
            with _client(self.ca_file).stream(
                "POST", self.url + path, data=dict(parameters), headers=self._headers()
            ) as response:
                refuse_packed(response.headers.get("content-encoding", ""))
                body = _limited(response.iter_raw(), began)
                status, location = response.status_code, response.headers.get("location", "")
        except httpx.TimeoutException as error:
            raise _late() from error
        except Packed as error:
            raise _packed(self._where, error) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise SourceError(
                f"Prometheus at {self._where} does not answer: {_why(error)}",
                "Check its address and its CA file, and that Runyard can reach it.",
            ) from error
        return understood(body, status, kind, self._where, location)

    @property
    def _where(self) -> str:
        """Without what may be a password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"

    def _headers(self) -> dict[str, str]:
        headers = dict(self.headers)
        if self.token_file:
            try:
                headers["Authorization"] = f"Bearer {Path(self.token_file).read_text().strip()}"
            except OSError as error:
                raise SourceError(
                    f"The token for Prometheus cannot be read: {error}", "Check its token file."
                ) from error
        return headers


def _why(error: Exception) -> str:
    """In words; httpx has errors of its own, that come of no other."""
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return "that is no address of http or https"
    if isinstance(error, httpx.RemoteProtocolError):
        return "what listens there closed the connection, or speaks no HTTP"
    return says("that address", error)


@lru_cache(maxsize=16)
def _client(ca_file: str) -> httpx.Client:
    """One with its connections for each authority; redirects are told, not followed."""
    try:
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca_file) if ca_file else True
    except OSError as error:
        raise SourceError(
            f"The CA file for Prometheus cannot be read: {error}", "Check its CA file."
        ) from error
    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    headers = {"User-Agent": "runyard", "Accept-Encoding": PLAIN}
    return httpx.Client(verify=verify, timeout=timeout, trust_env=False, headers=headers)


@dataclass(frozen=True)
class Proxied:
    """A service of a cluster, through its API server. `path` is that of the service's proxy."""

    cluster: Cluster
    path: str

    def ask(self, path: str, parameters: Mapping[str, Any], kind: str) -> list[Found]:
        began = time.monotonic()
        with _told(self.path), within(READ_SECONDS):
            response = self._connection().request(
                "GET", self.path + path, dict(parameters), read_seconds=READ_SECONDS
            )
            try:
                body = _limited(pieces(response), began)
            finally:
                response.close()
        return understood(body, response.status, kind, self.path)

    def _connection(self) -> Connection:
        return connect(self.cluster)


@contextmanager
def _told(where: str) -> Iterator[None]:
    try:
        yield
    except Packed as error:
        raise _packed(where, error) from error
    except ApiError as error:
        advice = "Allow Runyard's account to get services/proxy." if error.code == 403 else LOOK
        raise SourceError(f"Prometheus at {where} cannot answer: {error}", advice) from error
    except (Silent, urllib3.exceptions.ReadTimeoutError) as error:
        raise _late() from error
    except ClusterError as error:
        raise SourceError(f"Prometheus at {where} does not answer: {error}", LOOK) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise SourceError(f"Prometheus at {where} does not answer: {says('it', error)}", LOOK) from error


def number(text: str) -> float:
    """What a value says; NaN and infinity too. Raises SourceError."""
    try:
        return float(text)
    except ValueError as error:
        raise SourceError(
            f"Prometheus sent {text[:40]!r} as a figure", "Look at what answers at its address."
        ) from error


def _limited(parts: Iterator[bytes], began: float) -> bytes:
    body = bytearray()
    for part in parts:
        body += part
        if len(body) > MOST_BYTES:
            raise SourceError(
                f"Prometheus answers more than {MOST_BYTES >> 20} MiB",
                "Ask for a shorter time or for fewer pods.",
            )
        if time.monotonic() - began > READ_SECONDS:
            raise _late()
    return bytes(body)


def _late() -> SourceError:
    return SourceError(
        f"Prometheus did not answer within {READ_SECONDS:.0f} seconds",
        "Ask for a shorter time, or look whether it is overloaded.",
    )


def _packed(where: str, error: Packed) -> SourceError:
    return SourceError(
        f"Prometheus at {where} cannot be read: {error}", "Look for a proxy that changes answers."
    )


def understood(body: bytes, status: int, kind: str, where: str, location: str = "") -> list[Found]:
    """The series in an answer. Raises SourceError for one that is none of Prometheus, or a refusal."""
    if status in (401, 403):
        raise SourceError(f"Prometheus at {where} refuses us (HTTP {status})", "Check its token and headers.")
    if 300 <= status < 400:
        raise SourceError(
            f"Prometheus at {where} sends us elsewhere, to {location[:100]}", "Check its address and token."
        )
    try:
        answer = _decoder.decode(body)
    except msgspec.MsgspecError as error:
        page = " a web page" if body[:200].lstrip()[:1] == b"<" else ""
        raise SourceError(
            f"What answers at {where} is no Prometheus: HTTP {status},{page or ' ' + str(error)[:100]}",
            "Check its address.",
        ) from error
    if answer.status != "success":
        raise SourceError(f"Prometheus cannot answer: {answer.error[:300] or f'HTTP {status}'}", LOOK)
    if answer.data.resultType != kind:
        raise SourceError(
            f"What answers at {where} is no Prometheus: it sent no {kind}", "Check its address."
        )
    return answer.data.result
