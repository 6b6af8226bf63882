"""Django app of the live room."""

from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "runyard.live"
    label = "live"

    def ready(self) -> None:
        from runyard.live import sessions  # noqa: F401 - listens for the end of sessions
