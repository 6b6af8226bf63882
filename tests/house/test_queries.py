"""Every list costs as many queries as its baseline says, with one row and with sixty."""

from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runyard.tenancy.models import AccessRule, Project
from tests.answers import content
from tests.make import make_workload

BASELINE = Path(__file__).parents[1] / "baselines" / "queries.txt"
LINES = [line.split() for line in BASELINE.read_text().splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize(("person", "page", "queries"), LINES, ids=[" ".join(line[:2]) for line in LINES])
def test_a_page_costs_what_its_baseline_says(request, ada, red, cluster, browse, person, page, queries):
    client = browse(request.getfixturevalue(person))
    rows = [make_workload(red, cluster, created_by=ada)]
    assert cost(client, page, rows) == int(queries), f"with one row; the baseline is {BASELINE}"
    rows += [make_workload(red, cluster, created_by=ada) for _ in range(59)]
    assert cost(client, page, rows) == int(queries), "with sixty rows it costs more"


def test_a_viewer_of_many_projects_costs_no_more_than_one_of_one(vi, red, cluster, browse):
    """Each row says whom to ask for the rights that are missing."""
    client, rows = browse(vi), [make_workload(red, cluster)]
    of_one = cost(client, "/workloads/", rows)
    for number in range(4):
        name = f"more-{number}"
        project = Project.objects.create(name=name, namespace=name, department=red.department)
        AccessRule.objects.create(user=vi, role="viewer", project=project)
        rows.append(make_workload(project, cluster))
    assert cost(client, "/workloads/", rows) == of_one


def cost(client, page, rows):
    url = page.replace("IDS", ",".join(str(row.pk) for row in rows[:50]))
    with CaptureQueriesContext(connection) as captured:
        response = client.get(url)
        body = content(response)
    assert response.status_code == 200
    assert rows[0].name.encode() in body or rows[-1].name.encode() in body
    return len(captured)
