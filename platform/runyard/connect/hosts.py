"""The host name of a tool: one for each tool of each workload, so that none can read another's pages or ours.

`w12-jupyter.localhost` is the tool "jupyter" of workload 12. The names are no secret; a visit opens them.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

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
    return bool(settings.TOOLS_DOMAIN) and _name(host).endswith(f".{settings.TOOLS_DOMAIN}")


def place_of(host: str) -> Place | None:
    """The tool that `host` names; None for a name that is none of ours."""
    if not is_tool_host(host):
        return None
    match = _LABEL.match(_name(host).removesuffix(f".{settings.TOOLS_DOMAIN}"))
    return Place(int(match[1]), match[2]) if match else None


def origin_of(place: Place) -> str:
    """Under which a browser reaches the tool: scheme and port of our own pages, another host."""
    ours = urlsplit(settings.ORIGINS[0])
    port = f":{ours.port}" if ours.port else ""
    return f"{ours.scheme}://{place.label}.{settings.TOOLS_DOMAIN}{port}"


def is_secure() -> bool:
    return urlsplit(settings.ORIGINS[0]).scheme == "https"


def _name(host: str) -> str:
    """The host without its port, in lower case."""
    return host.rpartition(":")[0].lower() if re.search(r":\d+\Z", host) else host.lower()
