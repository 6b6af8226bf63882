"""Which columns of a table are shown, in which order, how wide: by the URL, a person's choice, or default.

The first column declared names the row; it is always shown, and always first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from markupsafe import Markup

from runyard.kit.columns import Column
from runyard.kit.values import BadQuery

NARROWEST, WIDEST = 40, 800


@dataclass(frozen=True)
class Layout:
    """The columns shown. `notice` says, in words, what of a saved choice could not be kept."""

    columns: tuple[Column, ...]
    widths: Mapping[str, int] = field(default_factory=dict)
    notice: str = ""
    narrowest: ClassVar[int] = NARROWEST
    widest: ClassVar[int] = WIDEST

    @classmethod
    def read(
        cls, declared: Mapping[str, Column], asked: str | None, saved: Any = None, widths: str | None = None
    ) -> "Layout":
        """`asked` and `widths` are those of the URL (BadQuery where wrong), `saved` what `as_saved` made."""
        chosen: Mapping[str, Any] = saved if isinstance(saved, dict) else {}
        wide = _asked_widths(declared, widths) or _sound_widths(declared, chosen.get("widths"))
        if asked:
            return cls(_named(declared, asked.split(",")), wide)
        keys = chosen.get("columns")
        if not isinstance(keys, list) or not keys:
            return cls(tuple(column for column in declared.values() if column.default), wide)
        gone = [key for key in keys if not (isinstance(key, str) and key in declared)]
        notice = f"A column you chose is no longer there: {', '.join(map(str, gone))[:80]}." if gone else ""
        return cls(
            _named(declared, [key for key in dict.fromkeys(map(str, keys)) if key in declared]),
            wide,
            notice,
        )

    @property
    def keys(self) -> list[str]:
        return [column.key for column in self.columns]

    @property
    def params(self) -> dict[str, str | None]:
        """What an address says to show it; None is to be left out."""
        widths = ",".join(f"{key}:{width}" for key, width in self.widths.items())
        return {"columns": ",".join(self.keys), "widths": widths or None}

    def width(self, column: Column) -> int:
        return self.widths.get(column.key, column.width)

    def drawing(self, macros: Any) -> Callable[[Any], Markup]:
        """Draws the cells of a row with `macros`, a template's module that has one for each column's `cell`.

        A page has hundreds of cells, and to call a macro from a template costs more than most cells.
        """
        first, *rest = [(_tag(column), getattr(macros, column.cell)) for column in self.columns]

        def cells(row: Any) -> Markup:
            parts = ['<th scope="row" class="first">', first[1](row), "</th>"]
            for tag, draw in rest:
                parts += tag, draw(row), "</td>"
            return Markup("".join(parts))  # noqa: S704 - what macros draw is escaped

        return cells


def _tag(column: Column) -> str:
    return str(Markup('<td class="{}" data-column="{}">').format(column.classes, column.key))


def as_saved(
    declared: Mapping[str, Column], keys: Sequence[str], widths: Mapping[str, str]
) -> dict[str, Any]:
    """What to keep of a person's choice. Raises BadQuery for an unknown column and a width that is none."""
    columns = [column.key for column in _named(declared, keys)]
    return {"columns": columns, "widths": _read_widths(declared, widths)}


def _named(declared: Mapping[str, Column], keys: Sequence[str]) -> tuple[Column, ...]:
    for key in keys:
        if key not in declared:
            raise BadQuery(f"This table has no column “{key[:40]}”; it has {', '.join(declared)}.")
        if keys.count(key) > 1:
            raise BadQuery(f"The column “{key}” is asked for twice.")
    first = next(iter(declared))
    return tuple(declared[key] for key in [first, *(key for key in keys if key != first)])


def _asked_widths(declared: Mapping[str, Column], asked: str | None) -> dict[str, int]:
    """`name:300,gpus:80` of a URL."""
    texts = asked.split(",") if asked else []
    return _read_widths(declared, dict(text.partition(":")[::2] for text in texts))


def _read_widths(declared: Mapping[str, Column], widths: Mapping[str, str]) -> dict[str, int]:
    """Pixels by key, within bounds. Raises BadQuery for an unknown column and a width that is none."""
    for key, width in widths.items():
        if key not in declared or not (width.isascii() and width.isdigit() and len(width) < 5):
            raise BadQuery(f"“{key[:40]}” cannot be “{width[:40]}” wide.")
    return {key: min(WIDEST, max(NARROWEST, int(width))) for key, width in widths.items()}


def _sound_widths(declared: Mapping[str, Column], widths: Any) -> dict[str, int]:
    """Of a saved choice, the widths that still mean something."""
    pairs = widths.items() if isinstance(widths, dict) else ()
    return {k: w for k, w in pairs if k in declared and isinstance(w, int) and NARROWEST <= w <= WIDEST}
