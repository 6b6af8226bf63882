"""How a Prometheus is asked, at its own address or through its cluster's API server; what fails, in words."""

import re
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlencode

import msgspec
import urllib3

from metrics.pieces import PLAIN, Packed, pieces
from metrics.sources.source import SourceError
from runyard.clusters.connection import ApiError, ClusterError, Connection, Silent, connect
from runyard.clusters.in_time import POOLS, within
from runyard.clusters.models import Cluster
from runyard.clusters.unreached import says

MOST_BYTES = 10 * 2**20
CONNECT_SECONDS, READ_SECONDS = 5.0, 20.0
_SENT = {"User-Agent": "runyard", "Accept-Encoding": PLAIN}
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
        with self._told(), within(READ_SECONDS):
            response = _pool(self.ca_file).request(
                "POST",
                self.url + path,
                headers={"Content-Type": "application/x-www-form-urlencoded", **_SENT, **self._headers()},
                body=urlencode(parameters),
                preload_content=False,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            )
            body = _body(response)
        location = response.headers.get("Location", "")
        return understood(body, response.status, kind, self._where, location)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except urllib3.exceptions.ReadTimeoutError as error:
            raise _late() from error
        except Packed as error:
            raise _packed(self._where, error) from error
        except urllib3.exceptions.LocationValueError as error:
            raise self._away("that is no address of http or https") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._away(says("that address", error)) from error
        except ValueError as error:  # which has the token in its words
            why = "its token or headers have characters that HTTP cannot carry"
            raise SourceError(
                f"Prometheus at {self._where} cannot be asked: {why}",
                "Check its token file and headers.",
            ) from error

    def _away(self, why: str) -> SourceError:
        return SourceError(
            f"Prometheus at {self._where} does not answer: {why}",
            "Check its address and its CA file, and that Runyard can reach it.",
        )

    @property
    def _where(self) -> str:
        """Without what may be a password."""
        return re.sub("//[^/]*@", "//", self.url)

    def _headers(self) -> dict[str, str]:
        headers = dict(self.headers)
        if person := urllib3.util.parse_url(self.url).auth:
            headers["Authorization"] = f"Basic {b64encode(unquote(person).encode()).decode()}"
        if self.token_file:
            try:
                headers["Authorization"] = f"Bearer {Path(self.token_file).read_text().strip()}"
            except OSError as error:
                raise SourceError(
                    f"The token for Prometheus cannot be read: {error}", "Check its token file."
                ) from error
        return headers


@lru_cache(maxsize=16)
def _pool(ca_file: str) -> urllib3.PoolManager:
    """One with its connections for each authority, of which every read ends in time."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise SourceError(
            f"The CA file for Prometheus cannot be read: {error}", "Check its CA file."
        ) from error
    pool = urllib3.PoolManager(ssl_context=context)
    pool.pool_classes_by_scheme = POOLS
    return pool


@dataclass(frozen=True)
class Proxied:
    """A service of a cluster, through its API server. `path` is that of the service's proxy."""

    cluster: Cluster
    path: str

    def ask(self, path: str, parameters: Mapping[str, Any], kind: str) -> list[Found]:
        with _told(self.path), within(READ_SECONDS):
            response = self._connection().request(
                "GET", self.path + path, dict(parameters), read_seconds=READ_SECONDS
            )
            body = _body(response)
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


def _body(response: urllib3.BaseHTTPResponse) -> bytes:
    """All of it, within the time of the block around; then its connection serves the next."""
    body = bytearray()
    try:
        for part in pieces(response):
            body += part
            if len(body) > MOST_BYTES:
                raise SourceError(
                    f"Prometheus answers more than {MOST_BYTES >> 20} MiB",
                    "Ask for a shorter time or for fewer pods.",
                )
    finally:
        response.close()
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
