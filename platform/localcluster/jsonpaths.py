"""JSON paths as the columns of custom resources use them: names, places of lists, `[?(@.a=="b")]`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

Step = Callable[[Any], Iterator[Any]]
_STEP = re.compile(
    r"""\.(?P<name>(?:[\w-]|\\\.)+) | \['(?P<quoted>[^']+)'\] | \[(?P<place>-?[0-9]{1,6}|\*)\]
    | \[\?\(\s*@\.(?P<key>[\w.-]+)\s*==\s*(?P<sign>["'])(?P<value>[^"']*)(?P=sign)\s*\)\]""",
    re.VERBOSE,
)


def parse(text: str) -> Callable[[Any], list[Any]]:
    """A function from an object to all that is at the path. Raises ValueError for a path that is not read."""
    steps, at = [], 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError("is no path of names, places of lists and [?(@.name=='value')]")
        steps.append(_step(match))
        at = match.end()
    if not steps:
        raise ValueError("is no path")

    def found(obj: Any) -> list[Any]:
        values = [obj]
        for step in steps:
            values = [one for value in values for one in step(value)]
        return values

    return found


def _step(match: re.Match[str]) -> Step:
    if match["place"]:
        return _place(match["place"])
    if match["key"]:
        return _equal(match["key"].split("."), match["value"])
    name = match["quoted"] or match["name"].replace("\\.", ".")
    return lambda value: iter([value[name]] if isinstance(value, dict) and name in value else [])


def _place(text: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and text == "*":
            yield from value
        elif isinstance(value, list) and -len(value) <= int(text) < len(value):
            yield value[int(text)]

    return step


def _equal(names: list[str], wanted: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        for one in value if isinstance(value, list) else ():
            inner = one
            for name in names:
                inner = inner.get(name) if isinstance(inner, dict) else None
            if inner == wanted:
                yield one

    return step
