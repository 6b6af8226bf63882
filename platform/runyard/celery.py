"""The Celery app: what the worker runs, and the beat's table of what runs when."""

import os
from pathlib import Path

from celery import Celery
from celery.signals import beat_init, worker_ready

from runyard.settings import METRICS_SECONDS  # not by django.conf: its settings may be these, half read

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runyard.settings")
app = Celery("runyard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["runyard.tenancy", "workloads", "metrics", "runyard.sync"])
app.autodiscover_tasks(["workloads"], related_name="bulk_tasks")
app.autodiscover_tasks(["workloads"], related_name="forgetting")
app.autodiscover_tasks(["workloads.keeping"], related_name="retention")
app.autodiscover_tasks(["runyard.connect"], related_name="probing")
app.autodiscover_tasks(["runyard.connect"], related_name="forgetting")
app.conf.beat_schedule = {
    # `expires`: a worker that was away finds one of each, not a pile.
    "sync": {"task": "sync.ensure", "schedule": 3.0, "options": {"expires": 3}},
    "reap": {"task": "workloads.reap", "schedule": 5.0, "options": {"expires": 5}},
    "reap_bulks": {"task": "workloads.reap_bulks", "schedule": 5.0, "options": {"expires": 5}},
    "probe_tools": {"task": "connect.probe", "schedule": 15.0, "options": {"expires": 15}},
    "look": {
        "task": "metrics.look",
        "schedule": float(METRICS_SECONDS),
        "options": {"expires": METRICS_SECONDS},
    },
    "fold": {"task": "metrics.fold", "schedule": 120.0, "options": {"expires": 120}},
    "snapshot": {"task": "metrics.snapshot", "schedule": 300.0, "options": {"expires": 300}},
    "forget_samples": {"task": "metrics.forget", "schedule": 3600.0, "options": {"expires": 1800}},
    "forget_logs": {"task": "workloads.forget_logs", "schedule": 3600.0, "options": {"expires": 1800}},
    "forget_history": {"task": "workloads.forget_history", "schedule": 3600.0, "options": {"expires": 1800}},
    "forget_visits": {"task": "connect.forget_visits", "schedule": 86_400.0, "options": {"expires": 3600}},
    "sessions": {"task": "tenancy.clear_sessions", "schedule": 86_400.0, "options": {"expires": 3600}},
}


@worker_ready.connect
@beat_init.connect
def say_ready(**_: object) -> None:
    """Touch RUNYARD_READY_FILE, by which `runyard up` sees that the process has started."""
    if file := os.environ.get("RUNYARD_READY_FILE"):
        Path(file).touch()
