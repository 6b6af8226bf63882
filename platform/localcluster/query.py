"""Query parameters and DeleteOptions, as Kubernetes reads them: a bad value is 400, a bad combination 422."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcluster.registry import Deletion
from localcluster.status import bad_request, invalid
from localcluster.validation import MAX_SECONDS, Problems

Obj = dict[str, Any]
Params = Mapping[str, str]
_META = "meta.k8s.io"
_MATCHES = ("Exact", "NotOlderThan")
_POLICIES = ("Background", "Foreground", "Orphan")


@dataclass(frozen=True)
class ListOptions:
    """Of a list or a watch. `version` is None when unset, 0 for "any"; `timeout` seconds, None when unset."""

    labels: str = ""
    fields: str = ""
    limit: int = 0
    token: str = ""
    version: int | None = None
    match: str = ""
    watch: bool = False
    bookmarks: bool = False
    initial_events: bool | None = None
    timeout: int | None = None


def list_options(params: Params) -> ListOptions:
    options = ListOptions(
        labels=params.get("labelSelector", ""),
        fields=params.get("fieldSelector", ""),
        limit=max(number(params, "limit") or 0, 0),
        token=params.get("continue", ""),
        version=version(params),
        match=params.get("resourceVersionMatch", ""),
        watch=flag(params, "watch"),
        bookmarks=flag(params, "allowWatchBookmarks"),
        initial_events=flag(params, "sendInitialEvents") if params.get("sendInitialEvents") else None,
        timeout=number(params, "timeoutSeconds"),
    )
    _check_combination(options)
    return options


def _check_combination(options: ListOptions) -> None:
    problems = Problems()
    unset = options.version is None
    if options.token and options.version:
        raise bad_request("specifying resource version is not allowed when using continue")
    if options.match:
        _check_match(options, unset, problems)
    if options.initial_events is not None:
        if not options.watch:
            problems.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")
        elif options.match != "NotOlderThan":
            why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            problems.forbidden("resourceVersionMatch", why)
    refuse("ListOptions", problems)


def _check_match(options: ListOptions, unset: bool, problems: Problems) -> None:
    field = "resourceVersionMatch"
    problems.one_of(field, options.match, _MATCHES)
    if options.watch and options.initial_events is None:
        problems.forbidden(
            field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        )
    elif unset and not options.watch:
        problems.forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided")
    if options.token:
        problems.forbidden(field, "resourceVersionMatch is forbidden when continue is provided")
    if options.match == "Exact" and options.version == 0:
        problems.forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')


def version(params: Params) -> int | None:
    text = params.get("resourceVersion", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise bad_request(
            f'Invalid value: "{text[:80]}": resourceVersion must be a number this server gave out'
        )
    return int(text)


def dry_run(values: list[str]) -> bool:
    """Whether dryRun=All was asked; any other value is refused."""
    problems = Problems()
    for value in values:
        problems.one_of("dryRun", value, ("All",))
    refuse("UpdateOptions", problems)
    return bool(values)


def field_manager(params: Params, user_agent: str) -> str:
    """Who writes: as the client says, else the first word of its User-Agent."""
    manager = params.get("fieldManager") or user_agent.split("/")[0] or "unknown"
    problems = Problems()
    if len(manager) > 128:
        problems.too_long("fieldManager", 128)
    if not manager.isprintable():
        problems.invalid("fieldManager", manager, "should only contain printable characters")
    refuse("PatchOptions", problems)
    return manager


def deletion(params: Params, options: Obj, dry: list[str]) -> Deletion:
    """How to delete, from the query string and the DeleteOptions body; the body wins."""
    grace = options.get("gracePeriodSeconds", number(params, "gracePeriodSeconds"))
    policy = options.get("propagationPolicy") or params.get("propagationPolicy") or None
    orphan = options.get("orphanDependents")
    preconditions = options.get("preconditions") or {}
    problems = Problems()
    dry = [*dry, *_words(options, "dryRun")]
    if grace is not None and (type(grace) is not int or grace > MAX_SECONDS):
        raise bad_request(f"gracePeriodSeconds: must be a whole number of seconds, at most {MAX_SECONDS}")
    if not isinstance(preconditions, dict):
        raise bad_request("preconditions: must be an object")
    problems.one_of("propagationPolicy", policy, _POLICIES)
    if orphan is not None and policy:
        problems.forbidden("orphanDependents", "propagationPolicy and orphanDependents may not both be set")
    refuse("DeleteOptions", problems)
    if orphan is not None:
        policy = "Orphan" if orphan else "Background"
    return Deletion(grace, policy, preconditions, dry_run(dry))


def _words(options: Obj, name: str) -> list[str]:
    words = options.get(name) or []
    if not isinstance(words, list) or not all(isinstance(one, str) for one in words):
        raise bad_request(f"{name}: must be a list of strings")
    return words


def flag(params: Params, name: str) -> bool:
    text = params.get(name, "").lower()
    if text not in ("", "0", "1", "t", "f", "true", "false"):
        raise bad_request(f'{name}: Invalid value: "{text[:80]}": must be true or false')
    return text in ("1", "t", "true")


def number(params: Params, name: str) -> int | None:
    text = params.get(name, "")
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise bad_request(f'{name}: Invalid value: "{text[:80]}": must be a whole number')
    return int(text)


def refuse(options_kind: str, problems: Problems) -> None:
    if problems.causes:
        raise invalid(options_kind, _META, "", problems.causes)
