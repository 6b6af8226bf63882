"""Which columns of a table are shown, in which order, how wide: by the URL, a person's choice, or default.

The first column declared names the row; it is always shown, and always first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape

from runyard.kit.columns import Column
from runyard.kit.pages import to_json
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

    def draw(self, rows: Iterable[Any], facts: Callable[[Any], Any], picks: bool = True) -> Markup:
        """The `rows` of a table as HTML; `facts` says what scripts read from each.

        Where they can be picked, each has a box and a menu. It is no template: in one, to call what draws a
        cell costs more than to draw it.
        """
        cells = [(_tag(column), column.drawing()) for column in self.columns[1:]]
        naming = self.columns[0].drawing()
        parts: list[str] = []
        for row in rows:
            label, address = escape(row), escape(row.get_absolute_url())
            parts += (
                f'<tr data-row="{row.pk}" data-version="{row.version}" data-place="{row.place}"',
                f" data-facts='{htmlsafe_json_dumps(facts(row), dumps=to_json)}'>",
                _PICK.format(row.pk, label) if picks else "",
                f'<th scope="row" class="first">{naming(row)}</th>',
                *(f"{tag}{draw(row)}</td>" for tag, draw in cells),
                _MENU.format(address, label) if picks else "",
                "</tr>\n",
            )
        return Markup("".join(parts))  # noqa: S704 - each column escapes what it draws


_PICK = (
    '<td class="pick"><input type="checkbox" name="ids" value="{}" form="bulk" aria-label="Select {}"></td>'
)
_MENU = (
    '<td class="menu-cell" colspan="2"><a class="btn icon ghost" href="{}" data-action="row-menu"'
    ' aria-label="Actions on {}"><svg class="i" viewBox="0 0 16 16" aria-hidden="true">'
    '<path d="M3 8h.01M8 8h.01M13 8h.01"/></svg></a></td>'
)


def _tag(column: Column) -> str:
    return f'<td class="{column.classes}" data-column="{column.key}">'


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
            words = f"a column and pixels from {NARROWEST} to {WIDEST}, such as name:300"
            raise BadQuery(f"“{key[:40]}:{width[:40]}” is no width; write {words}.")
    return {key: min(WIDEST, max(NARROWEST, int(width))) for key, width in widths.items()}


def _sound_widths(declared: Mapping[str, Column], widths: Any) -> dict[str, int]:
    """Of a saved choice, the widths that still mean something."""
    pairs = widths.items() if isinstance(widths, dict) else ()
    return {k: w for k, w in pairs if k in declared and isinstance(w, int) and NARROWEST <= w <= WIDEST}
