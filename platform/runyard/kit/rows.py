"""Rows that hold only what is asked for: instances of their model, made as unpickled ones are.

A table shows twelve fields of fifty, and Django walks over all of them for each row, read or not. For tables,
and for whoever reads many rows of few fields. A field that was not asked for costs a query when it is used.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.db.models.base import ModelState

M = TypeVar("M", bound=Model)


def narrow(rows: QuerySet[M], paths: Collection[str], beside: Sequence[str] = ()) -> list[M]:
    """`rows` with the fields at `paths`, such as "name" or "project__name", and the annotations `beside`.

    Rows that point to the same thing share it.
    """
    shape = Shape(rows.model, paths, rows.db)
    end = len(shape.columns)
    made = []
    for values in rows.values_list(*shape.columns, *beside):
        row = shape.made(values)
        vars(row).update(zip(beside, values[end:], strict=True))
        made.append(row)
    return made


class Shape:
    """What is read of one model, the key first, and the shapes of what it points to; one for each reading."""

    def __init__(self, model: Any, paths: Iterable[str], db: str, prefix: str = "", begin: int = 0):
        own, behind = _parted(paths)
        key = model._meta.pk.attname
        fields = [model._meta.get_field(name) for name in own]
        self._names = [key, *sorted({field.attname for field in fields if field.concrete} - {key})]
        self._model, self._db, self._known = model, db, dict[Any, Any]()
        self._part = slice(begin, begin + len(self._names))
        self.columns = [prefix + name for name in self._names]
        self._behind = dict[str, Shape]()
        for name, further in behind.items():
            there = begin + len(self.columns)
            shape = Shape(model._meta.get_field(name).related_model, further, db, f"{prefix}{name}__", there)
            self._behind[name] = shape
            self.columns += shape.columns

    def made(self, values: Sequence[Any]) -> Any:
        """The thing that these `values` tell of; None for none."""
        key = values[self._part.start]
        if key is None or key in self._known:
            return self._known.get(key)
        thing = self._known[key] = self._model.__new__(self._model)
        thing.__dict__.update(zip(self._names, values[self._part], strict=True))
        thing._state = state = ModelState()
        state.adding, state.db = False, self._db
        state.fields_cache = {name: shape.made(values) for name, shape in self._behind.items()}
        return thing


def _parted(paths: Iterable[str]) -> tuple[set[str], dict[str, list[str]]]:
    """The fields of the model itself, and by field what is read of the thing it points to."""
    own, behind = set[str](), dict[str, list[str]]()
    for path in paths:
        name, _, further = path.partition("__")
        own.add(name)
        if further:
            behind.setdefault(name, []).append(further)
    return own, behind
