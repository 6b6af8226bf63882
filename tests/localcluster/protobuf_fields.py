"""Writes the table of fields that localcluster.protobuf reads by, from the sources of Kubernetes' API types.

Run as a script with the folders of k8s.io/api and k8s.io/apimachinery in Go's module cache, when the
kit's version changes. That the table is right is held by test_kubectl.py.
"""

import json
import re
import sys
from pathlib import Path

TABLE = Path(__file__).parents[2] / "platform" / "localcluster" / "protobuf_fields.json"
GROUPS = {
    "core": "core/v1", "apps": "apps/v1", "batch": "batch/v1", "scheduling": "scheduling/v1",
    "authorization": "authorization/v1", "authentication": "authentication/v1",
}  # fmt: skip
KINDS = {
    "core": ("Namespace", "ConfigMap", "Secret", "ServiceAccount", "Service", "Pod"),
    "apps": ("Deployment",),
    "batch": ("Job", "CronJob"),
    "scheduling": ("PriorityClass",),
    "authorization": ("SelfSubjectAccessReview", "SelfSubjectRulesReview"),
    "authentication": ("SelfSubjectReview",),
}
PLAIN = {
    "string": "string", "bool": "bool", "int32": "int", "int64": "int", "[]byte": "bytes",
    "types.UID": "string",
    "metav1.Time": "time", "Time": "time", "resource.Quantity": "quantity", "ResourceList": "map:quantity",
    "intstr.IntOrString": "int or string",
}  # fmt: skip
PACKAGES = {"v1": "core", "corev1": "core", "apiv1": "core", "metav1": "meta"}
PASSED_OVER = ("status", "managedFields")
FIELD = re.compile(r'^\t(?:\w+\s+)?([\w.*\[\]]+)\s+`json:"([^",]*)[^"]*".* protobuf:"\w+,(\d+),')


def structs(group: str, text: str, names: dict[str, str]) -> dict[str, dict[str, list[str]]]:
    """{struct: {field number: [name in JSON, type]}}, "" where its own fields lie beside the others.

    `names` are the types that are plain ones under another name, of all groups; those found are added.
    """
    plain = re.findall(r"^type (\w+) (string|int32|int64|bool)$", text, re.M)
    names |= {f"{group}.{name}": PLAIN[go] for name, go in plain}
    found = {}
    for name, body in re.findall(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S):
        fields = [match.groups() for line in body.splitlines() if (match := FIELD.match(line))]
        found[f"{group}.{name}"] = {
            number: [key, "-" if key in PASSED_OVER else _type(group, go, names)]
            for go, key, number in fields
        }
    return found


def _type(group: str, go: str, names: dict[str, str]) -> str:
    if go in PLAIN:
        return PLAIN[go]
    for prefix in ("*", "[]"):
        if go.startswith(prefix):
            return prefix + _type(group, go.removeprefix(prefix), names)
    if mapped := re.fullmatch(r"map\[\w+\](.+)", go):
        return f"map:{_type(group, mapped[1], names)}"
    package, _, name = go.rpartition(".")
    whole = f"{PACKAGES.get(package, package or group)}.{name}"
    return names.get(whole, whole)


def reachable(table: dict, kinds: list[str]) -> dict:
    found: dict[str, dict] = {}
    while kinds:
        name = kinds.pop()
        if name in table and name not in found:
            found[name] = table[name]
            kinds += [one.lstrip("*[]").removeprefix("map:").lstrip("*[]") for _, one in table[name].values()]
    return found


def main(api: Path, machinery: Path) -> None:
    names: dict[str, str] = {}
    table = structs("meta", (machinery / "pkg/apis/meta/v1/types.go").read_text(), names)
    for group, folder in GROUPS.items():
        table |= structs(group, (api / folder / "types.go").read_text(), names)
    kinds = [f"{group}.{kind}" for group, every in KINDS.items() for kind in every]
    lines = [
        f"{json.dumps(name)}: {json.dumps(fields)}"
        for name, fields in sorted(reachable(table, kinds).items())
    ]
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
