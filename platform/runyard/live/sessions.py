"""When a session ends its sockets close at once.

The topic that tells of the end is a digest: a session's key never leaves the process.
"""

import hashlib
from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver

from runyard.kit.background import soon
from runyard.kit.publish import publish


def topic_of(session_key: str | None) -> str:
    """The hub topic of one session."""
    return "session:" + hashlib.sha256((session_key or "").encode()).hexdigest()


@receiver(user_logged_out)
def _say_ended(sender: Any, request: Any, **_: Any) -> None:
    if getattr(request, "session", None) is not None and request.session.session_key:
        soon(publish, (topic_of(request.session.session_key), 0))
