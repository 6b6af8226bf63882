"""Who may come in: this machine, by a loopback name, with the token. Also makes and keeps the token.

The Host check is what stops a web page from reaching us through a name it has pointed at 127.0.0.1.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from localcluster.status import ApiError, unauthorized

_THIS_MACHINE = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
OPEN_PATHS = frozenset(("/readyz", "/livez", "/healthz"))


def check(path: str, headers: Mapping[str, str], token: str) -> None:
    """Raises ApiError 403 for a foreign Host, 401 without the token (health paths need none)."""
    if not _THIS_MACHINE.fullmatch(headers.get("host", "")):
        raise ApiError(403, "Forbidden", "the Host header must name this machine: 127.0.0.1 or localhost")
    if path in OPEN_PATHS:
        return
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secrets.compare_digest(given.strip().encode(), token.encode()):
        raise unauthorized()


def keep_token(home: Path) -> str:
    """The token kept in the folder, made at the first start; readable by its owner alone."""
    path = home / "token"
    try:
        kept = path.read_text().strip()
    except FileNotFoundError:
        kept = ""
    if kept:
        return kept
    token = secrets.token_urlsafe(32)
    write_private(path, token + "\n")
    return token


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read, all of it or nothing."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    draft.replace(path)
