"""Who may come in: who has the token, which this machine's owner alone can read. Also makes and keeps it.

Without it, the Host check stops a web page from reaching us through a name it has pointed at 127.0.0.1. With
it any Host will do: a proxy in front of a pod's page has to pass on the one that the browser sees.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from starlette.types import Scope

from localcluster.status import ApiError, unauthorized

_THIS_MACHINE = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
OPEN_PATHS = frozenset(("/readyz", "/livez", "/healthz"))


def by_path(scope: Scope, token: str) -> Scope:
    """A request below /TOKEN as one with the token in its header: kubectl sends no header without TLS."""
    first, slash, rest = scope["path"][1:].partition("/")
    if not slash or not secrets.compare_digest(first.encode(), token.encode()):
        return scope
    others = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    raw = scope["raw_path"][len(token) + 1 :]  # tokens are written alike in both
    headers = [*others, (b"authorization", f"Bearer {token}".encode())]
    return {**scope, "path": f"/{rest}", "raw_path": raw, "headers": headers}


def check(path: str, headers: Mapping[str, str], token: str) -> None:
    """Without the token raises ApiError 403 for a foreign Host and 401 otherwise, but for health paths."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secrets.compare_digest(given.strip().encode(), token.encode()):
        return
    if not _THIS_MACHINE.fullmatch(headers.get("host", "")):
        raise ApiError(403, "Forbidden", "the Host header must name this machine: 127.0.0.1 or localhost")
    if path not in OPEN_PATHS:
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
