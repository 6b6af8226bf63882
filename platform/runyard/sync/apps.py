"""Django app of the sync room."""

from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "runyard.sync"
    label = "sync"
