"""The body of an open response as it comes, for those who look at the clock between two pieces of it.

Reads of a size wait until there is so much, and unpacking waits until something comes out: an answer that
drips would hold its reader for days. So what is asked for is plain, and what comes packed is refused.
"""

from collections.abc import Iterator

import urllib3

from runyard.clusters.connection import ClusterError

MOST_AT_ONCE = 2**18
PLAIN = "identity"


class Packed(ClusterError):
    """It answers packed, though asked not to."""


def pieces(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Each of at most MOST_AT_ONCE bytes. Raises Packed, and what a read of urllib3 does."""
    refuse_packed(response.headers.get("Content-Encoding", ""))
    while piece := response.read1(MOST_AT_ONCE, decode_content=False):
        yield piece


def refuse_packed(encoding: str) -> None:
    """`encoding` as an answer names its own; empty where it names none. Raises Packed."""
    if encoding.strip().lower() not in ("", PLAIN):
        raise Packed(f"it answers packed ({encoding[:40]}), though asked not to")
