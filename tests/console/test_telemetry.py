"""What Runyard tells of itself, who may read it, and that rules and dashboard ask for nothing else."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import redis
import yaml
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from runyard.sync.models import SyncState
from tests.make import make_workload
from workloads.models import Action

MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"


@pytest.fixture
def read(browse, dee, valkey):
    """The samples that Dee reads: {(name, label values by label): value}."""

    def samples():
        text = browse(dee).get("/metrics").text
        families = text_string_to_metric_families(text)
        return {
            (s.name, *(value for _, value in sorted(s.labels.items()))): s.value
            for family in families
            for s in family.samples
        }

    return samples


def test_it_counts_workloads_by_phase_and_every_phase_is_there(read, red, cluster):
    make_workload(red, cluster, phase="Running", gpu_millis_allocated=1500)
    make_workload(red, cluster, phase="Running", deleted_at=timezone.now())
    found = read()
    assert found["runyard_workloads", "Running"] == 1
    assert found["runyard_workloads", "Failed"] == 0
    assert found["runyard_gpus_allocated",] == 1.5


def test_it_tells_how_far_it_is_behind_each_cluster(read, cluster):
    cluster.kubeconfig = "somewhere"
    cluster.save()
    assert read()["runyard_sync_fresh", cluster.name] == 0
    SyncState.objects.create(cluster=cluster, synced_at=timezone.now(), quarantined={"u1": "bad date"})
    found = read()
    assert found["runyard_sync_fresh", cluster.name] == 1
    assert 0 <= found["runyard_sync_lag_seconds", cluster.name] < 60
    assert found["runyard_sync_unreadable", cluster.name] == 1


def test_it_tells_what_is_asked_for_and_not_done(read, ada, ada_training):
    now = timezone.now()
    fields = {"by": ada, "created_at": now - timezone.timedelta(seconds=90), "due_at": now}
    Action.objects.create(workload=ada_training, verb="stop", **fields)
    Action.objects.create(workload=ada_training, verb="run", state="done", **fields)
    found = read()
    assert (found["runyard_actions_open", "queued"], found["runyard_actions_open", "claimed"]) == (1, 0)
    assert found["runyard_actions_oldest_seconds",] >= 90


def test_it_tells_how_many_tasks_wait(read, settings):
    client = redis.Redis.from_url(settings.REDIS_URL)
    before = read()
    client.rpush("sync", "a task")
    try:
        after = read()
    finally:
        client.lrem("sync", 1, "a task")
    assert after["runyard_queue_length", "sync"] == before["runyard_queue_length", "sync"] + 1
    assert after["runyard_redis_up",] == 1


def test_a_redis_that_is_away_is_said_and_hides_nothing_else(read, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    found = read()
    assert found["runyard_redis_up",] == 0
    assert ("runyard_actions_oldest_seconds",) in found
    assert not any(name == "runyard_queue_length" for name, *_ in found)


def test_requests_are_measured_by_view(read, browse, ada):
    key = ("runyard_http_request_duration_seconds_count", "GET", "2xx", "workloads")
    before = read().get(key, 0)
    browse(ada).get("/workloads/")
    browse(ada).get("/nothing/such")
    found = read()
    assert found[key] == before + 1
    assert found["runyard_http_request_duration_seconds_count", "GET", "4xx", "none"] >= 1


@pytest.mark.parametrize("token", ["", "wrong", "Bearer ", "Bearer wrong", "Basic secret"])
def test_strangers_find_no_such_page(client, db, settings, token):
    settings.METRICS_TOKEN = "secret"
    assert client.get("/metrics", headers={"Authorization": token}).status_code == 404


def test_without_a_token_set_none_is_right(client, db, settings):
    settings.METRICS_TOKEN = ""
    for given in ("Bearer ", "Bearer  ", ""):
        assert client.get("/metrics", headers={"Authorization": given}).status_code == 404


def test_a_scraper_with_the_token_is_let_in(client, db, settings, valkey):
    settings.METRICS_TOKEN = "secret"
    answer = client.get("/metrics", headers={"Authorization": "Bearer secret"})
    assert answer.status_code == 200
    assert "runyard_workloads" in answer.text


def test_people_who_run_nothing_here_find_no_such_page(browse, ada, bo, eve):
    assert {browse(person).get("/metrics").status_code for person in (ada, bo, eve)} == {404}


def _expressions():
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    return [rule["expr"] for rule in rules] + [t["expr"] for panel in panels for t in panel["targets"]]


def test_rules_dashboard_and_page_name_only_what_is_told(read, cluster):
    cluster.kubeconfig = "somewhere"
    cluster.save()
    SyncState.objects.create(cluster=cluster, synced_at=timezone.now())
    told = {name for name, *_ in read()}
    asked = {name for text in _expressions() for name in re.findall(r"\b(?:runyard|process)_[a-z_]+", text)}
    documented = set(re.findall(r"runyard_[a-z_]+", (MONITORING.with_suffix(".md")).read_text()))
    assert asked <= told
    assert {name for name in told if name.startswith("runyard_")} <= documented | {
        f"runyard_http_request_duration_seconds_{part}" for part in ("bucket", "count", "sum", "created")
    }


def test_prometheus_takes_the_rules():
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not installed: make test does it, or apt-get install prometheus"
    checked = subprocess.run(
        [promtool, "check", "rules", MONITORING / "alerts.yaml"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
