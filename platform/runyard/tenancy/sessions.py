"""Whose session a connection was opened with, for doors that Django's middleware does not guard."""

from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.http import parse_cookie
from django.utils.crypto import constant_time_compare

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
