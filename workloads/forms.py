"""The New Workload form: what was typed, what is wrong with it by field, and the workload it stands for.

Nothing typed is ever lost: the draft keeps the text as it came, and the page shows it again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import zip_longest
from operator import attrgetter
from typing import Any

from django.http import QueryDict

from runyard.clusters.models import Cluster
from runyard.tenancy.access import projects_where
from runyard.tenancy.models import Project
from workloads import spec
from workloads.models import Workload
from workloads.queries import is_taken
from workloads.spec import WorkloadSpec
from workloads.tools import Tool, brought, completed

LABELS = {
    "kind": "Kind",
    "name": "Name",
    "project": "Project",
    "cluster": "Cluster",
    "tools": "Tools",
    "image": "Image",
    "command": "Command",
    "arguments": "Arguments",
    "environment": "Environment",
    "gpus": "GPUs",
    "cpu": "CPU",
    "memory": "Memory",
    "retries": "Retries",
}
EXAMPLES = {"image": "registry.example/torch:2.6", "command": "python train.py"}
TEXTS = ("name", "image", "command", "arguments", "gpus", "cpu", "memory", "retries")
LONGEST_TEXT = 1024 * 1024
_UNIT = re.compile(r"\s*([KMGTPE])i?B?\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ToolRow:
    """One tool as typed; a row without a kind is left out."""

    kind: str
    name: str = ""
    port: str = ""
    path: str = ""

    @classmethod
    def of(cls, tool: Tool) -> "ToolRow":
        """What differs from its kind."""
        usual = completed(tool.kind)
        return cls(
            tool.kind,
            *(
                "" if getattr(tool, name) == getattr(usual, name) else str(getattr(tool, name))
                for name in ("name", "port", "path")
            ),
        )


@dataclass
class Draft:
    """The form as typed. `errors` are by field; `asked` is what it stands for, right or wrong."""

    texts: dict[str, str]
    environment: list[tuple[str, str]]
    project: Project | None
    cluster: Cluster | None
    projects: list[Project]
    clusters: list[Cluster]
    kind: str = "training"
    tool_rows: list[ToolRow] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    copied_from: Workload | None = None

    @property
    def asked(self) -> WorkloadSpec:
        texts = {name: self.texts[name] for name in TEXTS if name != "retries"}
        texts |= {"gpus": self.texts["gpus"].strip() or "0", "memory": memory(self.texts["memory"])}
        texts |= {name: self.texts[name] or words for name, words in brought(self.tools).items()}
        return WorkloadSpec(
            **texts,
            kind=self.kind,
            tools=self.tools,
            environment=self.environment,
            retries=_whole(self.texts["retries"]),
        )

    @property
    def placeholders(self) -> dict[str, str]:
        """What these fields show where they are empty: what they come to, or else an example."""
        return {name: words or EXAMPLES[name] for name, words in brought(self.tools).items()}

    @property
    def tools(self) -> list[Tool]:
        """Those of a workspace; what a row leaves empty is as its kind has it."""
        if self.kind != "workspace":
            return []
        return [
            completed(row.kind, row.name, _whole(row.port) if row.port else None, row.path)
            for row in self.tool_rows
        ]

    @property
    def needs(self) -> list[str]:
        """Labels of the fields that are wrong, in the form's order."""
        return [label for name, label in LABELS.items() if name in self.errors]

    @property
    def needs_words(self) -> str:
        """ "2 fields need you: Image, CPU"; empty when none does."""
        if not self.needs:
            return ""
        count = "One field needs" if len(self.needs) == 1 else f"{len(self.needs)} fields need"
        return f"{count} you: {', '.join(self.needs)}"

    @property
    def first_wrong(self) -> str:
        return next((name for name in LABELS if name in self.errors), "")

    def check(self) -> None:
        """Fill `errors`, but for what only the database knows at submit."""
        found = spec.problems(self.asked)
        if self.kind == "workspace" and not self.tools:  # the one that is missing may bring these
            found = {name: words for name, words in found.items() if name not in EXAMPLES or self.texts[name]}
        if not self.texts["command"] and sum(bool(tool.command) for tool in self.tools) > 1:
            found["command"] = "Each of these tools has a command of its own: give one that starts them all."
        if self.project is None:
            found["project"] = "Choose one of your projects."
        if self.cluster is None:
            found["cluster"] = "Choose a cluster."
        if "name" not in found and self._is_taken():
            found["name"] = f"There is a workload {self.texts['name']} in project {self.project} already."
        self.errors = found

    def _is_taken(self) -> bool:
        """Said as soon as the form knows where the workload would go."""
        if self.project is None or self.cluster is None:
            return False
        return is_taken(self.cluster, self.project.namespace, self.texts["name"])


def posted(user: Any, post: QueryDict) -> Draft:
    """The draft of a posted form, checked."""
    draft = _draft(
        user,
        {name: post.get(name, "") for name in TEXTS},
        zip(post.getlist("env-name"), post.getlist("env-value"), strict=False),
        post.get("project", ""),
        post.get("cluster", ""),
    )
    draft.kind = post.get("kind", "training")
    columns = [post.getlist(f"tool-{name}") for name in ("kind", "name", "port", "path")]
    rows = zip_longest(*columns[:4], fillvalue="")
    draft.tool_rows = [ToolRow(*(text.strip() for text in row)) for row in rows if row[0].strip()]
    draft.check()
    return draft


def fresh(user: Any, asked: WorkloadSpec, project: str = "", cluster: str = "") -> Draft:
    """A draft filled with `asked`, not checked yet."""
    texts = {name: str(getattr(asked, name)) for name in TEXTS}
    draft = _draft(user, texts, asked.environment, project, cluster)
    draft.kind, draft.tool_rows = asked.kind, [ToolRow.of(tool) for tool in asked.tools]
    return draft


def _draft(
    user: Any, texts: dict[str, str], environment: Iterable[tuple[str, str]], project: str, cluster: str
) -> Draft:
    projects = list(projects_where(user, "workload.create").order_by("name"))
    clusters = list(Cluster.objects.followed())
    return Draft(
        texts={name: text.replace("\r\n", "\n").strip() for name, text in texts.items()},
        environment=[(name.strip(), value) for name, value in environment if name.strip() or value],
        project=_chosen(projects, project),
        cluster=_chosen(clusters, cluster),
        projects=projects,
        clusters=clusters,
    )


def _chosen(among: list[Any], name: str) -> Any:
    """The one called `name`; without a name the oldest, which is there for everybody who begins."""
    if not name:
        return min(among, key=attrgetter("pk"), default=None)
    return next((one for one in among if one.name == name), None)


def memory(text: str) -> str:
    """As people write it ("8 GiB", "8 gb") to the binary quantity meant ("8Gi"); else unchanged."""
    match = _UNIT.search(text)
    return text[: match.start()] + match[1].upper() + "i" if match else text


def _whole(text: str) -> int:
    """-1, which the checks refuse, for what is no whole number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0 if not text else -1


def free_name(wanted: str, project: Project | None, cluster: Cluster | None) -> str:
    """`wanted`, or where it is taken the same with the next free number: "sweep-2" becomes "sweep-3"."""
    stem = re.sub(r"-\d{1,4}\Z", "", wanted)[:58].rstrip("-") or "workload"
    rows = Workload.objects.filter(deleted_at=None, name__startswith=stem)
    if project is not None:
        rows = rows.filter(namespace=project.namespace, cluster=cluster)
    used = set(rows.values_list("name", flat=True))
    if wanted not in used:
        return wanted
    return next(name for n in range(2, len(used) + 3) if (name := f"{stem}-{n}") not in used)
