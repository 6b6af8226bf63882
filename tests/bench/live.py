"""The live table: a hint to a thousand sockets, a change in the cluster to a cell on screen, a burst settled.

The product, its embedded cluster and the load share this machine.
"""

from collections.abc import Iterator

from tests.bench import fanout, viewers
from tests.bench.report import Result
from tests.bench.story import fresh, running
from tests.product import Api


def measure() -> Iterator[Result]:
    """In a new home under the temporary folder, removed afterwards."""
    with running() as up:
        api = Api(up.url, "admin", up.shown("Password"))
        api.insist(lambda: fresh(up, api), 60, "the first sync")
        yield from fanout.measure(up, api.cookie)
        yield from viewers.measure(up)
