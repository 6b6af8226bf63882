"""SQL of what a cell holds in a file: amounts, ISO moments, and text that no spreadsheet takes for a formula.

For columns to say how they are exported; PostgreSQL does the writing, so that no row passes through Python.
`json` is for the few rows an API shows.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, F, Func, TextField, Value, When
from django.db.models.functions import Concat, Ord
from django.db.models.lookups import Exact, In

from runyard.kit.pages import iso

#: A spreadsheet that meets one of these first in a cell may run what follows; full-width ones included.
FORMULA_STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


def value_of(field: Any) -> Any:
    """A field's path or an expression, as an expression."""
    return F(field) if isinstance(field, str) else field


def text(value: Any) -> Any:
    """The text, behind an apostrophe where it begins like a formula; NULL where there is none."""
    hostile = In(Ord(value), [ord(start) for start in FORMULA_STARTS])
    return Case(
        When(hostile, then=Concat(Value("'"), value, output_field=TextField())),
        When(~Exact(value, Value("")), then=value),
        output_field=TextField(),
    )


def joined(array: Any) -> Any:
    """The texts of an array in one cell, parted by "; "."""
    return text(Func(array, Value("; "), function="array_to_string", output_field=TextField()))


def worded(value: Any, labels: Mapping[str, str]) -> Any:
    """The label of a value where it has another one; a value without one as it is."""
    differing = [When(Exact(value, Value(v)), then=Value(label)) for v, label in labels.items() if v != label]
    return text(Case(*differing, default=value, output_field=TextField()) if differing else value)


def amount(value: Any, scale: int) -> Any:
    """The number, parted by `scale`, without trailing zeros: "0.25", "2"."""
    if scale == 1:
        return value
    parted = f"trim_scale(%(expressions)s::numeric / {int(scale)})"
    return Func(value, template=parted, output_field=TextField())


def seconds(value: Any) -> Any:
    """A length of time in whole seconds."""
    return Func(
        value, template="floor(extract(epoch FROM %(expressions)s))::bigint", output_field=TextField()
    )


def moment(value: Any) -> Any:
    """ISO 8601 in UTC to the second, ending in Z; NULL for none."""
    as_iso = """to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
    return Func(value, template=as_iso, output_field=TextField())


def json(value: Any) -> Any:
    """As JSON can hold it: moments in ISO 8601, lengths of time in whole seconds, others as they are."""
    if isinstance(value, datetime):
        return iso(value)
    return int(value.total_seconds()) if isinstance(value, timedelta) else value
