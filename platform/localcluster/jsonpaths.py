"""JSON paths as the columns of custom resources use them: names, places and slices, `[?(@.a=="b")]`. Pure.

What Kubernetes reads besides these (`..name`, other filters, several names at once) leads to nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

Step = Callable[[Any], Iterator[Any]]
_STEP = re.compile(
    r"""\.?\[(?P<place>-?[0-9]{1,6}|\*)\] | \.?\['(?P<quoted>[^']+)'\]
    | \.(?P<name>(?:[^\s.,\[\]{}$@\\]|\\.)+)
    | \[(?P<slice>(?:-?[0-9]{1,6})?:(?:-?[0-9]{1,6})?(?::[1-9][0-9]{0,5})?)\]
    | \[\?\(\s*@\.(?P<key>[\w.-]+)\s*==\s*(?P<sign>["'])(?P<value>[^"']*)(?P=sign)\s*\)\]
    | (?P<unread>\.(?=\.[^.]) | \[\?\((?:[^()'"]|'[^']*'|"[^"]*")+\)\]
        | \[(?:'[^']*'|[-0-9:]+)(?:,\s*(?:'[^']*'|[-0-9:]+))+\])""",
    re.VERBOSE,
)


def parse(text: str) -> Callable[[Any], list[Any]]:
    """A function from an object to all that is at the path. Raises ValueError for what is no path."""
    steps, at = [], 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError("is no path of names, places of lists, slices and filters")
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
    if match["slice"]:
        places = slice(*(int(one) if one else None for one in match["slice"].split(":")))
        return lambda value: iter(value[places] if isinstance(value, list) else [])
    if match["unread"]:
        return lambda value: iter(())
    if match["key"]:
        return _equal(match["key"].split("."), match["value"])
    name = match["quoted"] or re.sub(r"\\(.)", r"\1", match["name"])
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
