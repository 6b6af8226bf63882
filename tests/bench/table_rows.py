"""Fills the database with workloads of 40 projects, and times the table's queries: `python -m ... COUNT`.

Prints as JSON what `tests.bench.table` has to know.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import partial, reduce
from operator import or_
from typing import Any

import django

django.setup()  # before anything that holds models is imported

# ruff: noqa: E402
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import Q
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from runyard.kit.keyset import cursor_of, in_order, keyed
from runyard.kit.tables import PAGE_SIZE
from runyard.tenancy.models import AccessRule, Department, Project, User
from tests.bench.report import median
from workloads import demo, queries
from workloads.tables import WorkloadTable

PROJECTS, RARE, REPEATS = 40, "zebrafish", 9
SORTS = ("name", "status", "-gpus", "created_by", "project,age")


def fill(count: int) -> tuple[User, User]:
    """Somebody who sees everything, and somebody of three projects."""
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    cluster = demo.fill(count)
    _spread(cluster.pk)
    dee, _ = User.objects.get_or_create(username="dee", defaults={"is_superuser": True})
    pat, _ = User.objects.get_or_create(username="pat")
    for project in Project.objects.order_by("pk")[:3]:
        AccessRule.objects.get_or_create(user=pat, role="practitioner", project=project)
    return dee, pat


def _spread(cluster: int) -> None:
    """Over PROJECTS projects, evenly; two workloads get a name that no other has."""
    department = Department.objects.order_by("pk")[0]
    for number in range(PROJECTS - Project.objects.count()):
        name = f"team-{number:02}"
        Project.objects.create(name=name, namespace=name, department=department)
    ids = list(Project.objects.order_by("pk").values_list("pk", flat=True)[:PROJECTS])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE workloads_workload SET project_id = (%s::bigint[])[1 + id %% %s]", [ids, PROJECTS]
        )
        cursor.execute(
            "UPDATE workloads_workload SET name = %s || id WHERE id IN (SELECT id FROM workloads_workload"
            " WHERE cluster_id = %s ORDER BY id LIMIT 2)",
            [RARE, cluster],
        )
        cursor.execute("VACUUM FULL workloads_workload")
        cursor.execute("VACUUM ANALYZE")


def facts(dee: User, pat: User) -> dict[str, Any]:
    client = Client()
    client.force_login(dee)
    name = settings.SESSION_COOKIE_NAME
    found = WorkloadTable.matching(dee, WorkloadTable.read(QueryDict(f"q={RARE}")))
    unindexed = queries.visible_workloads(dee).select_related(None).order_by().filter(_holds(RARE))
    assert set(found) == set(unindexed)
    return {
        "path": reverse("workloads"),
        "cookie": {"name": name, "value": client.cookies[name].value},
        "page_1000": _page_1000(dee),
        "search": milliseconds(lambda: list(found.all())),
        "icontains": milliseconds(lambda: list(unindexed.all())),
        "milliseconds": _all_queries(dee, pat),
    }


def _rows(user: User, address: str) -> Any:
    return WorkloadTable.page(user, QueryDict(address)).rows


def _holds(text: str) -> Q:
    """What one would ask without an index: whether one of the fields that search looks into holds `text`."""
    person = ("created_by__username", "created_by__first_name", "created_by__last_name")
    fields = ("name", "kind", "phase", "namespace", "image", "application", "project__name", *person)
    return reduce(or_, (Q(**{f"{field}__icontains": text}) for field in fields))


def _all_queries(dee: User, pat: User) -> dict[str, float]:
    """By what they are."""
    found = {}
    for who, user in (("all projects", dee), ("3 of 40 projects", pat)):
        count = partial(queries.by_phase, queries.visible_workloads(user))
        found[f"tiles by phase, {who}"] = milliseconds(count)
        for sort in SORTS:
            found[f"rows by {sort}, {who}"] = milliseconds(partial(_rows, user, f"sort={sort}"))
        found[f"rows of a search with 2 hits, {who}"] = milliseconds(partial(_rows, user, f"q={RARE}"))
    return found


def _page_1000(user: User) -> str:
    """The cursor of the last row of page 999; empty where there are not so many."""
    query = WorkloadTable.read(QueryDict())
    keys = query.sort.keys
    rows = keyed(queries.visible_workloads(user), [key.column.order() for key in keys])
    row = in_order(rows, [key.down for key in keys])[999 * PAGE_SIZE - 1 :].first()
    return cursor_of(row, str(query.sort), len(keys)).dump() if row else ""


def milliseconds(work: Callable[[], object]) -> float:
    """The median of REPEATS."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return median(times)


if __name__ == "__main__":
    print(json.dumps(facts(*fill(int(sys.argv[1])))))
