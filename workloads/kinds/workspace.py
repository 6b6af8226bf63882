"""Workspace: a batch/v1 Job that people work in through its tools, stopped and run again as a training is.

A Job rather than a StatefulSet: `suspend` stops it without changing its size, Kueue and KAI queue it like any
other work, and whoever ends it from inside has it end, not begin anew. See docs/decisions/0016.
"""

from dataclasses import replace

from workloads.kinds.kind import Category
from workloads.kinds.training import TRAINING

WORKSPACE = replace(TRAINING, name="workspace", title="Workspace", category=Category.BUILD, mark="W")
