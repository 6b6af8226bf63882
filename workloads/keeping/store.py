"""Where text of kept logs lies: files under RUNYARD_HOME, or an S3-compatible store; objects never change.

Keys are `<log>/<first line>-<lines>-<epoch>.zst`: the objects of a log, in the order of their names, are one
file (`cat * | zstd -dc`). Errors: StoreError, in words; Missing for an object that is not there.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import obstore
from django.conf import settings
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

ANSWER_SECONDS, RETRIES = "20s", 2


class StoreError(Exception):
    """The store could not do what was asked; the message is for people."""


class Missing(StoreError):
    """There is no such object."""


class Store:
    """Objects by key, in whatever `obstore` opens."""

    def __init__(self, objects: ObjectStore):
        self._objects = objects

    def put(self, key: str, data: bytes) -> None:
        """Whole or not at all."""
        self._do("written", obstore.put, key, data)

    def get(self, key: str) -> bytes:
        return bytes(self._do("read", obstore.get, key).bytes())

    def delete(self, *keys: str) -> None:
        """One that is not there is deleted already."""
        for key in keys:
            try:
                self._do("deleted", obstore.delete, key)
            except Missing:
                continue

    def logs(self) -> Iterator[int]:
        """The numbers of all logs of which it holds something."""
        found = self._do("listed", obstore.list_with_delimiter, "")
        for prefix in found["common_prefixes"]:
            name = prefix.rstrip("/").rpartition("/")[2]
            if name.isascii() and name.isdigit():
                yield int(name)

    def delete_log(self, number: int) -> None:
        """All objects of one log."""
        for batch in list(self._do("listed", obstore.list, f"{number}")):
            self.delete(*(found["path"] for found in batch))

    def _do(self, done: str, work: Any, key: str, *more: Any) -> Any:
        try:
            return work(self._objects, key, *more)
        except FileNotFoundError as error:
            raise Missing(f"The kept log {key} is not in the store.") from error
        except (BaseError, OSError) as error:
            raise StoreError(f"A kept log could not be {done}: {_first_line(error)}") from error


def key_of(log: int, first_line: int, lines: int, epoch: int) -> str:
    """Of the object with these lines of a log, written under that epoch."""
    return f"{log}/{first_line:012d}-{lines}-{epoch}.zst"


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0][:300]


@cache
def store() -> Store:
    """The one that the settings name."""
    if settings.LOG_STORE:
        return Store(_s3(settings.LOG_STORE))
    return Store(LocalStore(settings.HOME / "kept-logs", mkdir=True, automatic_cleanup=True))


def _s3(place: str) -> S3Store:
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    endpoint = settings.LOG_STORE_ENDPOINT
    options: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
    if settings.LOG_STORE_KEY:
        options |= {"access_key_id": settings.LOG_STORE_KEY, "secret_access_key": settings.LOG_STORE_SECRET}
    return S3Store(
        bucket,
        prefix=prefix or None,
        region=settings.LOG_STORE_REGION,
        virtual_hosted_style_request=not endpoint,
        client_options={"timeout": ANSWER_SECONDS, "allow_http": endpoint.startswith("http://")},
        retry_config={"max_retries": RETRIES},
        **options,
    )
