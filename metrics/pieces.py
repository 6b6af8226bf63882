"""The body of an open response as it comes, for those who look at the clock between two pieces of it.

Reads of a size wait until there is so much: an answer that drips would hold its reader for days.
"""

from collections.abc import Iterator

import urllib3

MOST_AT_ONCE = 2**18


def pieces(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Unpacked; each of at most MOST_AT_ONCE bytes. Raises what a read of urllib3 does."""
    while piece := response.read1(MOST_AT_ONCE, decode_content=True):
        yield piece
