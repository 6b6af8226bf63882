"""Syncs with one bug each, as they have been written elsewhere: what `machine.Life` must find.

Each is a function that builds the bug into the product's parts, through a MonkeyPatch, for one test.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import OperationalError

from runyard.clusters.connection import ClusterError
from runyard.sync import runner, store
from runyard.sync.runner import Runner
from runyard.sync.source import Change, Part, Source
from runyard.sync.store import Store
from tests.sync import scenarios

_list, _replace, _drop, _apply = Source.list, Store.replace, Store._drop, Store.apply


def version_of_the_last_item(patch: pytest.MonkeyPatch) -> None:
    """The watch begins at the last listed object's version; the list's own is not read."""

    def listed(self: Source, **options: Any) -> Iterator[Part]:
        for part in _list(self, **options):
            if part.objects:
                part.version = part.objects[-1].metadata.resource_version
            yield part

    patch.setattr(Source, "list", listed)


def no_floor(patch: pytest.MonkeyPatch) -> None:
    """What a list covered already is taken for news."""
    versions: dict[Store, str] = {}

    def replace(self: Store, parts: Any) -> Iterator[Any]:
        yield from _replace(self, parts)
        versions[self], self._floor = self._floor, ""

    patch.setattr(Store, "replace", replace)
    patch.setattr(Store, "version", property(lambda self: versions.get(self, "")))


def no_tombstones(patch: pytest.MonkeyPatch) -> None:
    """What is gone may come back late."""

    def drop(self: Store, uids: Any) -> Any:
        dropped = _drop(self, uids)
        self._gone.clear()
        return dropped

    patch.setattr(Store, "_drop", drop)


def an_incomplete_list_replaces(patch: pytest.MonkeyPatch) -> None:
    """A page that fails ends the list as the last one does."""

    def listed(self: Source, **options: Any) -> Iterator[Part]:
        pages = _list(self, **options)
        yield next(pages)
        with suppress(ClusterError):
            yield from pages

    patch.setattr(Source, "list", listed)


def version_before_rows(patch: pytest.MonkeyPatch) -> None:
    """What was heard counts as known, and the watch goes on, though it could not be written."""
    turn = Runner.turn

    def turned(self: Runner) -> None:
        with suppress(OperationalError):
            turn(self)

    patch.setattr(Runner, "turn", turned)


def errors_are_ignored(patch: pytest.MonkeyPatch) -> None:
    """An event ERROR is an event like others that say nothing."""
    change = Source._change

    def changed(self: Source, line: bytes) -> Change:
        return Change("") if b'"ERROR"' in line else change(self, line)

    patch.setattr(Source, "_change", changed)


def keyed_by_name(patch: pytest.MonkeyPatch) -> None:
    """Who has the name of one that was there is that one."""

    class ByName(Store):
        def replace(self, parts: Any) -> Iterator[Any]:
            names: dict[str, str] = self.__dict__.setdefault("names", {})
            present: set[str] = set()
            for seen in super().replace(parts):
                if seen.object is not None:
                    names[seen.uid] = seen.object.metadata.name
                    present.add(seen.object.metadata.name)
                elif names.get(seen.uid, seen.uid.split("-")[0]) in present:
                    continue
                yield seen

    patch.setattr(runner, "Store", ByName)


def no_order(patch: pytest.MonkeyPatch) -> None:
    """Whatever is another version than the known one is news."""
    covered = store._covered

    def only_by_lists(self: Store, change: Change) -> Any:
        patch.setattr(store, "_covered", lambda version, than: than == self._floor and covered(version, than))
        return _apply(self, change)

    patch.setattr(Store, "apply", only_by_lists)


#: The bugs, and the shortest life that shows each.
BUGS = {
    version_of_the_last_item: scenarios.list_is_newer_than_its_last_item,
    no_floor: scenarios.late_event_of_what_a_list_lacks,
    no_tombstones: scenarios.late_event_of_what_is_deleted,
    an_incomplete_list_replaces: scenarios.list_breaks_off,
    version_before_rows: scenarios.database_goes_away,
    errors_are_ignored: scenarios.watch_says_that_it_is_too_late,
    keyed_by_name: scenarios.name_has_a_new_owner,
    no_order: scenarios.late_event_of_what_has_changed,
}
