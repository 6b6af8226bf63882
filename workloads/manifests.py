"""Manifests as people may see them: without secrets, as YAML, and how two of them differ. Pure.

The rule for secrets is docs/secrets.md; everything that shows a manifest passes `redacted`.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import yaml

HIDDEN = "(redacted)"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
FIRST = ("apiVersion", "kind", "metadata", "spec", "status", "name", "namespace", "image", "command", "args")
CONTEXT = 3  # unchanged lines shown around a change

#: Words of a name whose value is a secret, unless the name says that it only points to one.
_SECRET_WORDS = frozenset(
    ("password", "passwd", "passphrase", "pwd", "secret", "secrets", "token", "apikey")
) | {"credential", "credentials", "auth", "authorization"}
_KEYS = frozenset(("api", "access", "private", "secret", "signing", "encryption"))  # of what a "key" is one
_POINTERS = frozenset(("name", "names", "ref", "file", "path", "dir", "url", "type", "ttl"))
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
#: An option or an assignment inside a text: name, sign, value.
_GIVEN = re.compile(r"(--?[A-Za-z][\w-]*[= ]|\b[A-Za-z_]\w*=)([^\s;|&]+)")
#: Texts that are secrets wherever they stand; group 1, where there is one, stays.
_SECRET_TEXTS = (
    re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)"),  # the password in a URL
    re.compile(r"(\b(?:Bearer|Basic) )[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE),
    re.compile(r"\b(?:hf_|sk-|ghp_|gho_|github_pat_|glpat-|xox[abp]-|nvapi-)[A-Za-z0-9_-]{10,}"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),  # a JSON web token
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
)
#: What the server writes into an object that somebody submits.
_SERVERS = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")


def redacted(found: Any) -> Any:
    """A copy of `found` (what JSON can hold) in which no secret is left, each replaced by HIDDEN."""
    if isinstance(found, dict):
        if isinstance(found.get("name"), str) and isinstance(found.get("value"), str):  # a variable
            kept = HIDDEN if _is_secret(found["name"]) and found["value"] else redacted(found["value"])
            return {key: redacted(value) for key, value in found.items()} | {"value": kept}
        return {key: _of_key(key, value) for key, value in found.items()}
    if isinstance(found, list):
        return _of_words(found)
    return _text(found) if isinstance(found, str) else found


def _of_key(key: str, value: Any) -> Any:
    secret = key == LAST_APPLIED or (isinstance(value, str) and value and _is_secret(key))
    return HIDDEN if secret else redacted(value)


def _of_words(words: list[Any]) -> list[Any]:
    """A list, which may be a command line: the word after `--token` is one as well."""
    kept, hide = [], False
    for word in words:
        kept.append(HIDDEN if hide and isinstance(word, str) else redacted(word))
        hide = isinstance(word, str) and word.startswith("-") and "=" not in word and _is_secret(word)
    return kept


def _is_secret(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in _POINTERS:
        return False
    keys = any(first in _KEYS and then == "key" for first, then in pairwise(words))
    return keys or not _SECRET_WORDS.isdisjoint(words)


def _text(text: str) -> str:
    for secret in _SECRET_TEXTS:
        text = secret.sub(lambda found: (found[1] if found.re.groups else "") + HIDDEN, text)
    return _GIVEN.sub(lambda found: found[1] + (HIDDEN if _is_secret(found[1]) else found[2]), text)


def without_managed_fields(found: dict[str, Any]) -> dict[str, Any]:
    """`found` without the server's notes on who last wrote which field."""
    metadata = {k: v for k, v in found.get("metadata", {}).items() if k != "managedFields"}
    return {**found, "metadata": metadata} if "metadata" in found else found


def as_submitted_shape(found: dict[str, Any]) -> dict[str, Any]:
    """`found` as somebody would have written it: without status and what only the server writes."""
    metadata = {k: v for k, v in found.get("metadata", {}).items() if k not in _SERVERS}
    return {key: value for key, value in found.items() if key != "status"} | {"metadata": metadata}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a difference: "+" only live, "-" only submitted, " " both, "@" so many left out."""

    sign: str
    text: str


def difference(submitted: str, live: str) -> list[Line]:
    """How two YAML texts differ, line by line, unchanged stretches folded; empty when they do not."""
    lines = [Line(line[0], line[2:]) for line in difflib.ndiff(submitted.splitlines(), live.splitlines())]
    lines = [line for line in lines if line.sign != "?"]
    return _folded(lines) if any(line.sign != " " for line in lines) else []


def _folded(lines: Sequence[Line]) -> list[Line]:
    changed = [i for i, line in enumerate(lines) if line.sign != " "]
    near = {j for i in changed for j in range(i - CONTEXT, i + CONTEXT + 1)}
    kept, left_out = [], 0
    for i, line in enumerate(lines):
        if i not in near:
            left_out += 1
            continue
        kept += [Line("@", f"{left_out:,}")] if left_out else []
        kept.append(line)
        left_out = 0
    return kept + ([Line("@", f"{left_out:,}")] if left_out else [])


class _Plain(yaml.SafeDumper):
    """YAML for people: what stands twice is written twice, long texts keep their lines."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text.rstrip("\n") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Plain.add_representer(str, _text_node)


def as_yaml(found: Any) -> str:
    """`found` as YAML, every object's keys in the order of FIRST, then of the alphabet."""
    return yaml.dump(_ordered(found), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=4096)


def _ordered(found: Any) -> Any:
    if isinstance(found, dict):
        keys = [key for key in FIRST if key in found] + sorted(found.keys() - set(FIRST))
        return {key: _ordered(found[key]) for key in keys}
    return [_ordered(one) for one in found] if isinstance(found, list) else found
