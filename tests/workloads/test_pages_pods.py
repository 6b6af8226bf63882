"""The pods of a workload: a table of its own, with words for each end; nobody else's, whatever is asked."""

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.answers import content
from tests.make import make_pod
from workloads.endings import said
from workloads.models import Pod


def page(client, workload, query="", tab="pods"):
    return client.get(f"/workloads/{workload.pk}/{tab}{query}")


def text(response):
    return response.content.decode()


def names(response):
    """The pods shown, in order."""
    return [line.split('"')[1] for line in text(response).split("<tr data-row=")[1:]]


@pytest.fixture
def gang(ada_training):
    """Eight workers of one training, the pods of ranks 2 and 5 ended badly."""
    ada_training.pods.all().delete()
    now = timezone.now()
    pods = []
    for rank in range(8):
        fields = {"phase": "Running", "ready": True, "scheduled": True, "gpu_millis": 8000}
        if rank in (2, 5):
            fields |= {"phase": "Failed", "ready": False, "exit_code": 137, "reason": "OOMKilled"}
            fields["containers"] = [{"name": "main", "image": "x/y:1", "memory_limit": 8 * 2**30}]
        pods.append(
            make_pod(
                ada_training,
                role=f"rank {rank}",
                node=f"node-{rank % 4}",
                created_at=now - timedelta(minutes=rank),
                restarts=rank,
                **fields,
            )
        )
    return pods


def test_ada_sees_each_pod_with_its_role_node_and_end(ada, ada_training, gang, browse):
    shown = text(page(browse(ada), ada_training))
    assert shown.count("<tr data-row=") == 8
    assert "137: out of memory, limit 8 GiB" in shown
    assert "rank 5" in shown
    assert "node-3" in shown


@pytest.mark.parametrize(
    ("ended", "state"),
    [
        ({"terminating_at": timezone.now(), "exit_code": 143, "reason": "Error"}, "Stopped"),
        ({"terminating_at": timezone.now(), "exit_code": None, "reason": ""}, "Stopped"),
        ({"terminating_at": timezone.now(), "exit_code": 137, "reason": "OOMKilled"}, "Failed"),
        ({"terminating_at": timezone.now(), "exit_code": 1, "reason": "Error"}, "Failed"),
        ({"exit_code": 143, "reason": "Error"}, "Failed"),
    ],
)
def test_a_pod_that_a_stop_ended_is_stopped_and_no_other_that_failed(ada, ada_training, browse, ended, state):
    ada_training.pods.all().delete()
    make_pod(ada_training, phase="Failed", gone_at=timezone.now(), **ended)
    shown = text(page(browse(ada), ada_training)).split("<tbody")[1]
    assert [word for word in ("Stopped", "Failed") if f"<span>{word}</span>" in shown] == [state]


def test_a_click_on_a_pod_leads_to_its_log(ada, ada_training, gang, browse):
    assert f'href="/workloads/{ada_training.pk}/logs?pod={gang[3].pk}"' in text(
        page(browse(ada), ada_training)
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?sort=restarts", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("?sort=-restarts", [7, 6, 5, 4, 3, 2, 1, 0]),
        ("?sort=node,-restarts", [4, 0, 5, 1, 6, 2, 7, 3]),
        ("?f=state%3D%3DFailed&sort=restarts", [2, 5]),
        ("?f=exit_code%3E%3D100&sort=-restarts", [5, 2]),
        ("?f=node%3D%3Dnode-1&sort=restarts", [1, 5]),
        ("?f=role%3D%3DRank+6", [6]),
        ("?q=RUNNING+Node-1&sort=restarts", [1]),
        ("?q=oomkilled&sort=restarts", [2, 5]),
        ("?f=image%3D%40x/y&sort=restarts", [2, 5]),
        ("?q=%25", []),
    ],
)
def test_the_table_sorts_searches_and_filters(ada, ada_training, gang, browse, query, expected):
    shown = page(browse(ada), ada_training, query)
    assert names(shown) == [str(gang[rank].pk) for rank in expected]


@pytest.mark.parametrize(
    "query",
    ["?f=nonsense", "?f=gpus%3D%40x", "?sort=nonsense", "?columns=nonsense", "?after=x", "?q=" + "a" * 900],
)
def test_what_an_address_asks_wrongly_is_answered_in_words(ada, ada_training, gang, browse, query):
    for tab in ("pods", "pods/page", "pods.csv"):
        answer = page(browse(ada), ada_training, query, tab)
        assert answer.status_code == 400
        assert len(content(answer)) > 20


def test_the_filter_form_leads_to_the_address_with_one_filter_more(ada, ada_training, gang, browse):
    answer = page(browse(ada), ada_training, "?sort=node&column=node&operator=%3D%3D&value=node-1")
    assert answer.status_code == 302
    assert names(browse(ada).get(f"/workloads/{ada_training.pk}/pods{answer['Location']}")) == [
        str(gang[rank].pk) for rank in (1, 5)
    ]


@pytest.mark.parametrize("tab", ["pods", "pods/page", "pods.csv"])
def test_no_address_shows_the_pods_of_another_workload(ada, ada_training, eve_training, browse, tab):
    theirs = make_pod(eve_training, name="eves-secret-pod")
    for query in (f"?workload={eve_training.pk}", f"?q=eves&workload={eve_training.pk}&workload=1"):
        assert theirs.name.encode() not in content(page(browse(ada), ada_training, query, tab))


@pytest.mark.parametrize("tab", ["pods", "pods/page", "pods.csv"])
def test_eve_gets_the_same_404_for_absent_and_forbidden(eve, ada_training, browse, tab):
    forbidden, absent = (browse(eve).get(f"/workloads/{pk}/{tab}") for pk in (ada_training.pk, 999_999_999))
    assert (forbidden.status_code, absent.status_code) == (404, 404)
    assert forbidden.content == absent.content


def test_hostile_names_and_messages_stay_text(ada, ada_training, browse):
    hostile = "<img src=x onerror=alert(1)>"
    make_pod(
        ada_training, name=hostile, phase="Pending", reason="Odd", message=hostile, node=hostile, role=hostile
    )
    shown = text(page(browse(ada), ada_training))
    assert hostile not in shown
    assert "&lt;img src=x" in shown


def test_512_pods_come_page_by_page(ada, ada_training, browse, django_assert_max_num_queries):
    ada_training.pods.all().delete()
    now = timezone.now()
    Pod.objects.bulk_create(
        Pod(
            workload=ada_training,
            cluster=ada_training.cluster,
            uid=f"u{rank}",
            name=f"sft-{rank:03}",
            namespace="red",
            resource_version="1",
            phase="Running",
            role=f"rank {rank}",
            created_at=now,
        )
        for rank in range(512)
    )
    with django_assert_max_num_queries(30):
        first = page(browse(ada), ada_training, "?sort=name")
    assert len(names(first)) == 50
    assert ">512</span> pods" in text(first)
    after = text(first).split('data-after="')[1].split('"')[0]
    second = page(browse(ada), ada_training, f"?sort=name&after={after}", "pods/page")
    assert len(names(second)) == 50
    assert "sft-050" in text(second)


def test_the_file_has_every_pod_and_its_end(ada, ada_training, gang, browse):
    response = page(browse(ada), ada_training, "?sort=restarts", "pods.csv")
    rows = list(csv.DictReader(io.StringIO(content(response).decode())))
    assert [row["Role"] for row in rows] == [f"rank {rank}" for rank in range(8)]
    assert (rows[2]["Exit code"], rows[2]["Reason"], rows[2]["GPUs"]) == ("137", "OOMKilled", "8")
    assert rows[-1]["Row count"] == "8"
    assert 'filename="pods-redwood-sft-' in response["Content-Disposition"]


def test_without_pods_the_tab_says_that_they_will_come(ada, ada_training, browse):
    ada_training.pods.all().delete()
    assert "No pod yet" in text(page(browse(ada), ada_training))


def test_of_what_failed_without_a_pod_no_page_promises_pods_or_a_log(ada, ada_training, browse):
    ada_training.pods.all().delete()
    ada_training.phase = "Failed"
    ada_training.save()
    for tab, fact in (
        ("", "there is no log"),
        ("logs", "there is no log"),
        ("pods", "no pod of it is known"),
    ):
        words = text(browse(ada).get(f"/workloads/{ada_training.pk}/{tab}"))
        assert fact in words
        assert "appear here" not in words


def pod(**fields):
    return Pod(**{"phase": "Failed", **fields})


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (pod(exit_code=1, reason="Error"), "1: error"),
        (pod(exit_code=126, reason="Error"), "126: its command cannot be run"),
        (pod(exit_code=127, reason="Error"), "127: its command was not found"),
        (pod(exit_code=137, reason="Error"), "137: killed (SIGKILL)"),
        (pod(exit_code=137, reason="OOMKilled"), "137: out of memory"),
        (pod(exit_code=139, reason="Error"), "139: segmentation fault"),
        (pod(exit_code=143, reason="Error"), "143: ended by SIGTERM"),
        (pod(exit_code=129, reason="Error"), "129: ended by SIGHUP"),
        (pod(exit_code=-7, reason="Error"), "-7: error"),
        (pod(exit_code=255, reason="Error"), "255: error"),
        (pod(exit_code=137, reason="DeadlineExceeded"), "137: ran longer than allowed"),
        (pod(reason="NodeLost"), "its node was lost or shut down"),
        (
            pod(reason="Evicted", message="The node was low on resource: memory."),
            "evicted: The node was low on resource: memory.",
        ),
        (pod(phase="Succeeded"), "0: ended well"),
        (pod(phase="Running"), ""),
        (pod(phase="Pending", reason="ContainerCreating"), ""),
    ],
)
def test_an_end_is_said_in_words(ended, words):
    assert said(ended) == words
