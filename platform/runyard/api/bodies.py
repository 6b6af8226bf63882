"""What programs send, checked shape by shape before it reaches an action. Unknown fields are refused."""

from typing import Any

import msgspec

from workloads.actions import Invalid
from workloads.bulk import AT_MOST, Choice
from workloads.models import Verb
from workloads.spec import WorkloadSpec
from workloads.tools import Tool, brought, completed


class SubmittedTool(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One of a workspace's tools; what is left out is as its kind has it."""

    kind: str = "custom"
    name: str = ""
    port: int | None = None
    path: str = ""

    def tool(self) -> Tool:
        return completed(self.kind, self.name, self.port, self.path)


class Submission(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """POST /workloads: a training, or a workspace with its tools."""

    name: str
    kind: str = "training"
    project: str
    cluster: str = ""
    image: str = ""
    command: str = ""
    arguments: str = ""
    environment: dict[str, str] = {}
    gpus: int = 0
    cpu: str = "1"
    memory: str = "1Gi"
    retries: int = 0
    tools: list[SubmittedTool] = []

    def spec(self) -> WorkloadSpec:
        tools = [tool.tool() for tool in self.tools]
        usual = brought(tools if self.kind == "workspace" else [])
        return WorkloadSpec(
            name=self.name,
            kind=self.kind,
            image=self.image or usual["image"],
            command=self.command or usual["command"],
            arguments=self.arguments,
            environment=list(self.environment.items()),
            gpus=str(self.gpus),
            cpu=self.cpu,
            memory=self.memory,
            retries=self.retries,
            tools=tools,
        )


class BatchBody(msgspec.Struct, forbid_unknown_fields=True, rename={"excluded": "except"}):
    """POST /workloads/batch: one verb for many, named by `ids` or by `matching`, a table's query string."""

    verb: str
    ids: list[int] | None = None
    matching: str | None = None
    excluded: list[int] = []


class NewView(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """POST /views. `query` is that of the table's address, without columns and widths."""

    name: str
    table: str = "workloads"
    query: str = ""
    columns: list[str] = []
    widths: dict[str, int] = {}
    project: str | None = None
    default: bool = False


class ViewChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """PATCH /views/17: what is left out stays."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    query: str | msgspec.UnsetType = msgspec.UNSET
    columns: list[str] | msgspec.UnsetType = msgspec.UNSET
    widths: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    project: str | msgspec.UnsetType | None = msgspec.UNSET
    default: bool | msgspec.UnsetType = msgspec.UNSET


class LogLimitsBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """PUT /projects/red/log-limits: null for the default; `delete` agrees to lose what is over them now."""

    days: int | None
    bytes: int | None
    delete: bool = False


def submission(data: Any) -> Submission:
    """Raises Invalid, naming the field where msgspec does."""
    return _convert(data, Submission)


def batch(data: Any) -> tuple[Verb, Choice]:
    """Raises Invalid, naming the field."""
    body = _convert(data, BatchBody)
    if body.verb not in (Verb.STOP, Verb.RUN, Verb.DELETE):
        raise Invalid({"verb": "One of stop, run, delete."})
    if (body.ids is None) == (body.matching is None):
        raise Invalid({"ids": "Send either ids or matching, a query string such as phase=Failed."})
    if body.ids is not None and not 0 < len(body.ids) <= AT_MOST:
        raise Invalid({"ids": f"From 1 to {AT_MOST:,} ids."})
    if any(not 0 < pk < 2**63 for pk in [*(body.ids or ()), *body.excluded]):
        raise Invalid({"ids": "Ids are positive whole numbers."})
    return Verb(body.verb), Choice(tuple(body.ids or ()), body.matching, frozenset(body.excluded))


def new_view(data: Any) -> NewView:
    body: NewView = _convert(data, NewView)
    return body


def view_change(data: Any) -> ViewChange:
    body: ViewChange = _convert(data, ViewChange)
    return body


def log_limits(data: Any) -> LogLimitsBody:
    body: LogLimitsBody = _convert(data, LogLimitsBody)
    return body


def _convert(data: Any, shape: type[Any]) -> Any:
    try:
        return msgspec.convert(data, shape)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$")
        name = place.strip("`.").split(".")[0].split("[")[0] or "body"
        raise Invalid({name: f"{words}."}) from error
