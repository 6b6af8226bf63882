"""What a kind declares: where it lives in the Kubernetes API, what ends it, how it stops and runs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import TextChoices

from runyard.clusters.objects import PodTemplate


class Category(TextChoices):
    """What people use a kind for."""

    BUILD = "Build", "Build"
    TRAIN = "Train", "Train"
    DEPLOY = "Deploy", "Deploy"


class Architecture(TextChoices):
    """Whether the pods of a workload are made to work together over the network."""

    STANDARD = "Standard", "Standard"
    DISTRIBUTED = "Distributed", "Distributed"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a root object says about itself, the same words for every kind."""

    image: str
    template: PodTemplate
    pods_requested: int
    runs_requested: int = 1  # how many pods have to end well
    retries: int = 0  # how many failed pods it survives
    architecture: Architecture = Architecture.STANDARD
    suspended: bool = False
    terminal: str = ""  # "", "Completed" or "Failed"
    terminal_reason: str = ""
    terminal_message: str = ""
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of workload. `facts` reads a decoded root object; `stop` and `run` are merge patches."""

    name: str
    title: str
    category: Category
    mark: str  # the letters in the table's kind badge
    api: str  # "batch/v1"
    resource: str  # "jobs"
    api_kind: str  # "Job"
    type: type[msgspec.Struct]
    facts: Callable[[Any], Facts]
    stop: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)

    def path(self, namespace: str = "", name: str = "") -> str:
        """The URL path of all, of a namespace's, or of one."""
        group = f"/apis/{self.api}" if "/" in self.api else f"/api/{self.api}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        return f"{group}{scope}/{self.resource}" + (f"/{name}" if name else "")
