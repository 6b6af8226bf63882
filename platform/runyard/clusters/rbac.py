"""The rights of `rights` as a manifest for `kubectl apply -f -`: roles, and to whom they are given. Pure.

Used by `manage.py rbac`, and by the doctor for what is missing.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from runyard.clusters.rights import URLS, Right

NAME = "runyard"
ACCOUNTS = "system:serviceaccount:"
_API = "apiVersion: rbac.authorization.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who gets the rights: a service account when it has a namespace, else a user."""

    name: str = NAME
    namespace: str = NAME

    @classmethod
    def of(cls, username: str) -> "Subject":
        """Of a name as the cluster tells it."""
        if username.startswith(ACCOUNTS):
            namespace, _, name = username.removeprefix(ACCOUNTS).partition(":")
            return cls(name, namespace)
        return cls(username, "")

    def lines(self) -> list[str]:
        if self.namespace:
            names = f"name: {json.dumps(self.name)}, namespace: {json.dumps(self.namespace)}"
            return ["subjects:", f"- {{kind: ServiceAccount, {names}}}"]
        kind = f"kind: User, apiGroup: rbac.authorization.k8s.io, name: {json.dumps(self.name)}"
        return ["subjects:", f"- {{{kind}}}"]


def manifest(
    wanted: Iterable[Right], namespaces: Sequence[str] = (), subject: Subject | None = None, name: str = NAME
) -> str:
    """YAML that gives `wanted` to `subject`; without one, to a service account that it makes.

    What need not be asked of the whole cluster is given in `namespaces` alone where there are any.
    """
    wanted = list(wanted)
    everywhere = [right for right in wanted if right.everywhere or not namespaces]
    within = [right for right in wanted if right not in everywhere]
    parts = [] if subject else list(_account())
    to = subject or Subject()
    if everywhere or not subject:
        parts += [_role(name, everywhere, () if subject else URLS), _binding(name, to)]
    if within:
        parts.append(_role(f"{name}-projects", within))
        parts += [_binding(f"{name}-projects", to, namespace) for namespace in namespaces]
    return "---\n".join(parts)


def _account() -> Iterator[str]:
    yield f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAME}}}\n"
    yield f"apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {NAME}, namespace: {NAME}}}\n"


def _role(name: str, given: Sequence[Right], urls: Sequence[str] = ()) -> str:
    lines = [_API, "kind: ClusterRole", f"metadata: {{name: {name}}}", "rules:"]
    for use in dict.fromkeys(right.use for right in given):
        lines.append(f"# {use.title}; without, {use.loss}")
        lines += [f"# {use.caution}"] if use.caution else []
        lines += _rules(right for right in given if right.use == use)
    if urls:
        lines += ["# the API server itself", f"- nonResourceURLs: {json.dumps(list(urls))}"]
        lines.append('  verbs: ["get"]')
    return "\n".join(lines) + "\n"


def _rules(given: Iterable[Right]) -> Iterator[str]:
    """One for all resources of a group that get the same verbs."""
    resources: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for right in given:
        resources[right.group, right.verbs].append(right.resource)
    for (group, verbs), those in resources.items():
        yield f"- apiGroups: {json.dumps([group])}"
        yield f"  resources: {json.dumps(those)}"
        yield f"  verbs: {json.dumps(verbs)}"


def _binding(role: str, subject: Subject, namespace: str = "") -> str:
    kind, place = "ClusterRoleBinding", ""
    if namespace:
        kind, place = "RoleBinding", f", namespace: {json.dumps(namespace)}"
    lines = [_API, f"kind: {kind}", f"metadata: {{name: {role}{place}}}"]
    lines.append(f"roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}")
    return "\n".join([*lines, *subject.lines()]) + "\n"
