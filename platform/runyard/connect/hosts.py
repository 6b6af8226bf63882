"""The host name of a tool: one for each tool of each workload, so that none can read another's pages or ours.

`w12-jupyter.localhost` is the tool "jupyter" of workload 12. The names are no secret; a visit opens them.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings

LONGEST_HOST = 260  # characters of a name and a port
_LABEL = re.compile(r"w([1-9][0-9]{0,17})-([a-z0-9](?:[-a-z0-9]{0,38}[a-z0-9])?)\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """One tool of one workload, as an address names it; whether there is one is another question."""

    workload: int
    tool: str

    @property
    def label(self) -> str:
        return f"w{self.workload}-{self.tool}"


def is_tool_host(host: str) -> bool:
    """Whether `host` (of a Host header) lies in the domain of tools, well formed or not."""
    return _asked(host)[0]


def place_of(host: str) -> Place | None:
    """The tool that `host` names; None for a name that is none of ours."""
    return _asked(host)[1]


def origin_of(place: Place) -> str:
    """Under which a browser reaches the tool: scheme and port of our own pages, another host."""
    return _origin(place, settings.ORIGINS[0], settings.TOOLS_DOMAIN)


def is_secure() -> bool:
    return settings.ORIGINS[0].lower().startswith("https:")


def _asked(host: str) -> tuple[bool, Place | None]:
    """What anybody may send, of any length: only what may be a name is remembered."""
    read = _read if len(host) <= LONGEST_HOST else _read.__wrapped__
    return read(host, settings.TOOLS_DOMAIN)


@lru_cache(4096)  # the files of a page ask a hundred times for the same
def _read(host: str, domain: str) -> tuple[bool, Place | None]:
    """Whether `host` lies in `domain`, and which tool it names there."""
    name = host.rpartition(":")[0].lower() if re.search(r":\d+\Z", host) else host.lower()
    if not domain or not name.endswith(f".{domain}"):
        return False, None
    match = _LABEL.match(name.removesuffix(f".{domain}"))
    return True, Place(int(match[1]), match[2]) if match else None


@lru_cache(4096)
def _origin(place: Place, ours: str, domain: str) -> str:
    parts = urlsplit(ours)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{place.label}.{domain}{port}"
