"""Discovery: what this server serves, as the official clients and kubectl ask for it. Made from the kinds."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

from localcluster import VERSION, openapi
from localcluster.resources import Kind, Subresource

Obj = dict[str, Any]
Kinds = Sequence[Kind]


def version() -> Obj:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "major": VERSION[1:].split(".")[0],
        "minor": VERSION.split(".")[1],
        "gitVersion": VERSION,
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": f"python{platform.python_version()}",
        "platform": f"{platform.system().lower()}/{machine}",
    }


def document(path: str, host: str, kinds: Kinds) -> Obj | None:
    """The discovery document at `path`, or None when it is not one; `host` is how the client reached us."""
    parts = path.strip("/").split("/")
    match parts:
        case ["version"]:
            return version()
        case ["api"]:
            return _core_versions(host)
        case ["apis"]:
            groups = sorted({kind.group for kind in kinds if kind.group})
            return {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [_group(one, kinds) for one in groups],
            }
        case ["api", one]:
            return _resources("", one, kinds)
        case ["apis", group]:
            return (
                {"kind": "APIGroup", "apiVersion": "v1", **_group(group, kinds)}
                if _versions(group, kinds)
                else None
            )
        case ["apis", group, one]:
            return _resources(group, one, kinds)
        case ["openapi", *rest]:
            return openapi.document(rest, kinds)
    return None


def _core_versions(host: str) -> Obj:
    reach = [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": reach}


def _versions(group: str, kinds: Kinds) -> list[str]:
    return sorted({kind.version for kind in kinds if kind.group == group})


def _group(group: str, kinds: Kinds) -> Obj:
    versions = [{"groupVersion": f"{group}/{one}", "version": one} for one in _versions(group, kinds)]
    return {"name": group, "versions": versions, "preferredVersion": versions[-1]}


def _resources(group: str, version_: str, kinds: Kinds) -> Obj | None:
    kinds = [kind for kind in kinds if (kind.group, kind.version) == (group, version_)]
    if not kinds:
        return None
    rows = [
        row for kind in kinds for row in (_resource(kind), *(_below(kind, one) for one in kind.subresources))
    ]
    group_version = f"{group}/{version_}" if group else version_
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": rows}


def _resource(kind: Kind) -> Obj:
    row: Obj = {"name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced}
    row |= {"kind": kind.kind, "verbs": list(kind.verbs)}
    if kind.short_names:
        row["shortNames"] = list(kind.short_names)
    if kind.categories:
        row["categories"] = list(kind.categories)
    return row


def _below(kind: Kind, one: Subresource) -> Obj:
    row: Obj = {"name": f"{kind.plural}/{one.name}", "singularName": "", "namespaced": kind.namespaced}
    row |= {"kind": one.kind or kind.kind, "verbs": list(one.verbs)}
    if one.group:
        row |= {"group": one.group, "version": one.version}
    return row
