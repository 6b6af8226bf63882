"""Questions to the database and to clusters from the event loop, in threads of their own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from channels.db import database_sync_to_async
from django.db import InterfaceError, OperationalError, connection

T = TypeVar("T")
#: Of their own: a kubeconfig whose plugin takes its time holds up neither pages nor their sockets.
_THREADS = ThreadPoolExecutor(8, thread_name_prefix="door")


class NotReady(Exception):
    """There is nothing to connect to now; the message says why, in words."""


def give_connection_back() -> None:
    """Call it before a cluster is asked, which may take long: others need the database meanwhile."""
    if not connection.in_atomic_block:
        connection.close()


async def asked(ask: Callable[..., T], *args: Any) -> T:
    """What `ask` finds. Raises NotReady where there is no database, else what `ask` raises."""
    try:
        return await database_sync_to_async(ask, thread_sensitive=False, executor=_THREADS)(*args)
    except (OperationalError, InterfaceError) as error:
        raise NotReady("The database does not answer. Try again in a moment.") from error
