"""The Celery app: what the worker runs. What runs when is the beat's (`runyard.beat`)."""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runyard.settings")
app = Celery("runyard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["runyard.tenancy", "workloads", "metrics", "runyard.sync"])
app.autodiscover_tasks(["workloads"], related_name="bulk_tasks")
app.autodiscover_tasks(["workloads"], related_name="forgetting")
app.autodiscover_tasks(["workloads.keeping"], related_name="retention")
app.autodiscover_tasks(["runyard.connect"], related_name="probing")
app.autodiscover_tasks(["runyard.connect"], related_name="forgetting")


@worker_ready.connect
def say_ready(**_: object) -> None:
    """Touch RUNYARD_READY_FILE, by which `runyard up` sees that the process has started."""
    if file := os.environ.get("RUNYARD_READY_FILE"):
        Path(file).touch()


@beat_init.connect
def refuse(sender: Any, **_: object) -> None:
    """A beat of this app would run, and send nothing."""
    if sender.app is app:
        raise SystemExit("This app has no schedule; start the beat by `celery -A runyard.beat beat`.")
