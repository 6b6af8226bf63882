"""The event history of a workload with 100,000 events over HTTP from uvicorn, against that of one with 100.

A process of its own fills the database and prints what to ask for (`python -m tests.bench.events`).
"""

import json
import time

from tests.bench.export import cookie_of, filled, request, serving
from tests.bench.report import Result, median

FEW, MANY, REPEATS = 100, 100_000, 15


def measure() -> list[Result]:
    """Medians of REPEATS, taken in turn."""
    with filled("tests.bench.events") as (_, facts), serving(facts["environment"]) as (port, _):
        compared = [_compared(port, facts, what, name) for what, name in ASKED.items()]
        return compared + [_compared(port, facts, what, name, most=3) for what, name in SEARCHED.items()]


#: What is asked of both, and where it is in the facts.
ASKED = {
    "newest page of the history": "newest",
    "a page from its middle": "middle",
    "its warnings": "warnings",
    "one pod's events": "pod",
    "by API": "api",
}
#: What is searched for; a look goes through the newest 10,000 of either type, then an index is asked.
SEARCHED = {"a word that all hold": "all", "a word that one holds": "one", "a word that none holds": "none"}


def _compared(port: int, facts: dict, what: str, name: str, most: int = 2) -> Result:
    few, many = [], []
    for _ in range(REPEATS):
        few.append(_seconds(port, facts["few"][name], facts["cookie"]))
        many.append(_seconds(port, facts["many"][name], facts["cookie"]))
    ratio = median(many) / median(few)
    measured, yardstick = f"{median(many) * 1000:.0f} ms", f"with {FEW}, {median(few) * 1000:.0f} ms"
    return Result(f"{what}, {MANY:,} events", measured, yardstick, ratio, f"<= {most}x", ratio <= most)


def _seconds(port: int, path: str, cookie: str) -> float:
    began = time.perf_counter()
    response = request(port, path, cookie)
    body = response.read()
    assert response.status == 200, body
    rows = body.count(b'<li data-key="') or body.count(b'"id"')
    assert rows == (1 if "needle" in path else 0 if "nowhere" in path else 50), path
    return time.perf_counter() - began


def _fill() -> dict:
    """Migrate, fill, and say what to ask for: the addresses for either workload, cookie of somebody."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from runyard.tenancy.models import AccessRule, User
    from workloads import demo

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    demo.fill(100)
    found = {"few": _with_events(FEW, 0), "many": _with_events(MANY, 1)}
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE workloads_event")
    person = User.objects.create_user("ada", password="a long password")
    for workload in found.values():
        AccessRule.objects.get_or_create(user=person, role="practitioner", project=workload.project)
    facts = {name: _addresses(workload, person) for name, workload in found.items()}
    return facts | {"cookie": cookie_of(person)}


def _with_events(count: int, nth: int):
    """A workload of the demo's, and `count` events a second apart: half of them of one pod, half warnings."""
    from datetime import timedelta

    from django.utils import timezone

    from workloads.models import Event, Pod, Workload

    workload = Workload.objects.filter(project__isnull=False).order_by("pk")[nth]
    now = timezone.now().replace(microsecond=0)
    common = {"resource_version": "1", "namespace": workload.namespace, "regarding_kind": "Pod"}
    for n in range(2):
        uid = f"{workload.pk}-{n}"
        fields = {"uid": uid, "name": uid, "namespace": workload.namespace, "created_at": now}
        Pod.objects.create(cluster=workload.cluster, workload=workload, resource_version="1", **fields)
    rows = (
        Event(
            cluster=workload.cluster,
            workload=workload,
            uid=f"{workload.pk}-{n}",
            regarding_uid=f"{workload.pk}-{n // 2 % 2}",
            regarding_name=f"{workload.pk}-{n // 2 % 2}",
            type=("Normal", "Warning")[n % 2],
            reason=("Pulled", "BackOff")[n % 2],
            message=f"Try {n} of pulling the image registry.example/torch:2.6, and what became of it."
            + (" needle" if n == count - 1 else ""),
            source="kubelet",
            first_at=at,
            last_at=at,
            since=at,
            until=at,
            **common,
        )
        for n in range(count)
        for at in [now - timedelta(seconds=n)]
    )
    Event.objects.bulk_create(rows, batch_size=2_000)
    return workload


def _addresses(workload, person) -> dict[str, str]:
    from django.urls import reverse

    from workloads import history

    page, api = reverse("workload-events", args=[workload.pk]), reverse("api-events", args=[workload.pk])
    skipped = 40 if workload.events.count() == FEW else workload.events.count() // 2
    cursor = history.page(person, workload, history.Wanted(), skipped).after
    return {
        "newest": page,
        "middle": f"{page}?after={cursor}",
        "warnings": f"{page}?type=warning",
        "pod": f"{page}?type=&pod={workload.pk}-0",
        "api": f"{api}?limit=50",
        "all": f"{page}?q=image",
        "one": f"{page}?q=needle",
        "none": f"{page}?q=nowhere",
    }


if __name__ == "__main__":
    print(json.dumps(_fill()))
