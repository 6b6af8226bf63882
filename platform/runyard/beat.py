"""The beat: its table of what runs when. It sends tasks by their names, in an app that imports none of them.

Only the beat's process imports this (`celery -A runyard.beat beat`).
"""

from celery import Celery
from celery.signals import beat_init

from runyard.celery import say_ready
from runyard.settings import METRICS_SECONDS

app = Celery("runyard.beat", fixups=[], set_as_current=False)
app.config_from_object("django.conf:settings", namespace="CELERY")
beat_init.connect(say_ready)
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
