"""Container logs for pages, API and live feeds: the end, a range or the whole of one, or as it is written.

Lines are numbered from 0 at the first line of a run of a container; what was kept and what the cluster has
are one log (`keeping`). Text is hostile: escape it. Callers have asked for the right "read_logs".
"""

from workloads.keeping.reading import (
    LogPage,
    LogSize,
    Whole,
    find,
    find_live,
    kept,
    line_at,
    lines,
    size,
    tail,
    unavailable,
    whole,
)
from workloads.keeping.searching import Hits, search
from workloads.keeping.text import moment
from workloads.keeping.upstream import Line, LogStream, follow, latest_run, let_go_of_the_database

__all__ = [
    "Hits",
    "Line",
    "LogPage",
    "LogSize",
    "LogStream",
    "Whole",
    "find",
    "find_live",
    "follow",
    "kept",
    "latest_run",
    "let_go_of_the_database",
    "line_at",
    "lines",
    "moment",
    "search",
    "size",
    "tail",
    "unavailable",
    "whole",
]
