"""The kinds one server serves: those of the table, and those its CustomResourceDefinitions add.

One belongs to each registry, which keeps it in step with the definitions it stores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from localcluster.kinds import schemas
from localcluster.kinds.definitions import Custom
from localcluster.resources import BY_KEY, BY_PATH, KINDS, SCALE, STATUS, Kind, Obj, Path, Subresource
from localcluster.scaling import Scale
from localcluster.status import no_such_path


class Served:
    def __init__(self) -> None:
        self._custom: dict[str, Kind] = {}

    def all(self) -> tuple[Kind, ...]:
        return (*KINDS, *self._custom.values())

    def of(self, resource: str) -> Kind:
        """The kind of a resource key. ApiError 404 where its definition has gone meanwhile."""
        kind = BY_KEY.get(resource) or self._custom.get(resource)
        if kind is None:
            raise no_such_path()
        return kind

    def at(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind at a place of the URL space."""
        fixed = BY_PATH.get((group, version, plural))
        custom = self._custom.get(f"{plural}.{group}")
        return fixed or (custom if custom is not None and custom.version == version else None)

    def named(self, api_version: str, kind: str) -> Kind | None:
        """The kind that an object says it is of."""
        return next((one for one in self.all() if (one.api_version, one.kind) == (api_version, kind)), None)

    def define(self, definition: Obj) -> None:
        """Serve what a valid definition defines, or serve it as it says now."""
        if definition["metadata"]["name"] not in BY_KEY:
            self._custom[definition["metadata"]["name"]] = _kind(definition["spec"])

    def drop(self, name: str) -> None:
        self._custom.pop(name, None)


def _below(said: Obj) -> Iterator[Subresource]:
    if "status" in said:
        yield STATUS
    if (paths := said.get("scale")) is not None:
        names = ("specReplicasPath", "statusReplicasPath", "labelSelectorPath")
        yield replace(SCALE, scale=Scale(*(_path(paths.get(name, "")) for name in names)))


def _path(text: str) -> Path:
    return tuple(text.removeprefix(".").split(".")) if text else ()


def _kind(spec: Obj) -> Kind:
    names, version = spec["names"], spec["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    return Kind(
        spec["group"],
        version["name"],
        names["plural"],
        names["singular"],
        names["kind"],
        tuple(names.get("shortNames") or ()),
        tuple(names.get("categories") or ()),
        namespaced=spec["scope"] == "Namespaced",
        subresources=tuple(_below(version.get("subresources") or {})),
        shape=Custom,
        schema=schema,
        columns=tuple(version.get("additionalPrinterColumns") or ()),
        default=lambda obj: schemas.fill(obj, schema),
        validate=lambda obj, old, problems: schemas.check(obj, schema, problems),
        lists=schemas.merge_keys(schema),
        generation=True,
    )
