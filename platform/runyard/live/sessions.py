"""Whose session a socket was opened with, and whether it has ended: then its sockets close at once.

The topic that tells of the end is a digest: a session's key never leaves the process.
"""

import hashlib
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.backends.db import SessionStore
from django.dispatch import receiver
from django.http import parse_cookie
from django.utils.crypto import constant_time_compare

from runyard.kit.background import soon
from runyard.kit.publish import publish
from runyard.tenancy.models import User


def session_key(scope: dict[str, Any]) -> str | None:
    """The key in the cookie of a handshake."""
    cookies = dict(scope["headers"]).get(b"cookie", b"").decode("latin1")
    return parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME)


def signed_in(key: str | None) -> User | None:
    """Who is signed in with session `key`: it lives, and the person is active, with the same password."""
    session = SessionStore(key).load() if key else {}
    user = User.objects.filter(pk=session.get(SESSION_KEY, 0), is_active=True).first()
    if user is None:
        return None
    same = constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
    return user if same else None


def topic_of(session_key: str | None) -> str:
    """The hub topic of one session."""
    return "session:" + hashlib.sha256((session_key or "").encode()).hexdigest()


@receiver(user_logged_out)
def _say_ended(sender: Any, request: Any, **_: Any) -> None:
    if getattr(request, "session", None) is not None and request.session.session_key:
        soon(publish, (topic_of(request.session.session_key), 0))
