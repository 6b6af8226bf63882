"""Names of namespaces as people type them, for both commands."""

import re

from django.core.management.base import CommandError

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def namespaces_of(text: str) -> tuple[str, ...]:
    """ "a,b" as ("a", "b"). Raises CommandError for what can be no namespace."""
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for name in names:
        if not _NAME.fullmatch(name):
            raise CommandError(f"{name[:70]!r} is no name of a namespace; write them as a,b.")
    return names
