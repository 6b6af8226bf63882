"""Logs by the REST API: a range by line or time, the whole, its end, or as it is written."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from runyard.api import asking
from runyard.kit.streaming import stream_response
from runyard.tenancy.access import forget_rules, may, require
from workloads import log_feeds, logs, queries
from workloads.log_frames import Frame
from workloads.models import Pod, Workload

PAGE_LINES, MOST_LINES, MOST_TAIL = 5_000, 2**53, 100_000
CHECK_SECONDS = 60.0
TEXT, NDJSON = "text/plain; charset=utf-8", "application/x-ndjson; charset=utf-8"
OF_LOG = ("pod", "container", "previous")


class _Raw(BaseRenderer):
    """Makes a type acceptable that the view streams by itself; a refusal stays JSON and says so."""

    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        renderer_context["response"]["Content-Type"] = JSONRenderer.media_type
        return JSONRenderer().render(data, JSONRenderer.media_type, renderer_context)


class NdjsonRenderer(_Raw):
    media_type, format = "application/x-ndjson", "ndjson"


class TextRenderer(_Raw):
    media_type, format = "text/plain", "txt"


class Logs(APIView):
    """`pod`, `container`, `previous`; `from` and `count`, or `since` and `until`; `follow`."""

    renderer_classes = (NdjsonRenderer, TextRenderer)

    def get(self, request: Request, pk: int) -> HttpResponse | StreamingHttpResponse:
        workload = asking.workload(request, pk)
        require(request.user, "read_logs", workload)
        asked = _Asked(request, workload)
        text = request.accepted_renderer.format == TextRenderer.format
        shape, kind = (_text, TEXT) if text else (_ndjson, NDJSON)
        if asked.follow:
            return StreamingHttpResponse(_follow(request.user, asked, shape), content_type=kind)
        return stream_response(_pages(asked, shape), kind)


class Log(APIView):
    """The same as text, the whole or its last `tail` lines."""

    def get(self, request: Request, pk: int) -> HttpResponse | StreamingHttpResponse:
        workload = asking.workload(request, pk)
        require(request.user, "read_logs", workload)
        params = asking.parameters(request, *OF_LOG, "tail")
        previous, tail = asking.flag(params, "previous"), asking.whole(params, "tail", 0, MOST_TAIL)
        pod, container = _container(params, queries.visible_pods(request.user, workload))
        if not tail:
            return stream_response(logs.whole(pod, container, previous=previous), TEXT)
        page = logs.tail(pod, container, tail, previous=previous)
        if page.error:
            raise NotFound(page.error)
        return HttpResponse(_text(Frame(), page.lines), content_type=TEXT)


def _container(params: QueryDict, pods: QuerySet[Pod]) -> tuple[Pod, str]:
    """The pod and the container that are named; the newest, and its first. Raises NotFound."""
    wanted = asking.whole(params, "pod", 0, asking.MOST_KEY)
    pod = (pods.filter(pk=wanted) if wanted else pods).select_related("cluster").last()
    if pod is None:
        raise NotFound("There is no such pod, or none yet.")
    names = [one["name"] for one in pod.containers]
    if not names:
        raise NotFound("No container of this pod is known yet.")
    container = params.get("container") or names[0]
    if container not in names:
        raise ValidationError({"detail": f"container is one of {', '.join(names)}."})
    return pod, container


class _Asked:
    """What a request asks for. Raises ValidationError and NotFound, in words."""

    def __init__(self, request: Request, workload: Workload):
        self._params = asking.parameters(request, *OF_LOG, "from", "count", "since", "until", "follow")
        self.workload, self.previous = workload, asking.flag(self._params, "previous")
        self.follow = asking.flag(self._params, "follow")
        self.pod, self.container = _container(self._params, queries.visible_pods(request.user, workload))
        if self.follow and {"count", "until"} & set(self._params):
            raise ValidationError({"detail": "follow has no end: leave out count and until."})
        self.start, self.end = self._range()

    def _range(self) -> tuple[int, int]:
        """The first line, and the one after the last."""
        by_time = {"since", "until"} & set(self._params)
        if by_time and {"from", "count"} & set(self._params):
            raise ValidationError(
                {"detail": "Ask by line (from, count) or by time (since, until), not both."}
            )
        if not by_time:
            start = asking.whole(self._params, "from", 0, MOST_LINES, least=0)
            return start, start + asking.whole(self._params, "count", MOST_LINES, MOST_LINES, least=0)
        return self._line_at("since", 0), self._line_at("until", MOST_LINES)

    def _line_at(self, name: str, default: int) -> int:
        text = self._params.get(name)
        if text is None:
            return default
        try:
            at = datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError:
            raise ValidationError({"detail": f"{name} is a time such as 2026-01-31T12:00:00Z."}) from None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return logs.line_at(self.pod, self.container, at, self.previous)


Shape = Callable[[Frame, Sequence[logs.Line]], bytes]


def _pages(asked: _Asked, shape: Shape) -> Iterator[bytes]:
    """Range by range, the first at once: what cannot be had at all is NotFound."""
    first = _page(asked, asked.start)
    if first.error:
        raise NotFound(first.error)
    return _following_pages(asked, shape, first)


def _page(asked: _Asked, start: int) -> logs.LogPage:
    count = max(0, min(PAGE_LINES, asked.end - start))
    try:
        return logs.lines(asked.pod, asked.container, start, count, asked.previous)
    finally:
        logs.let_go_of_the_database()  # a reader who takes long must not keep one of the pool's connections


def _following_pages(asked: _Asked, shape: Shape, page: logs.LogPage) -> Iterator[bytes]:
    place = asked.start
    while True:
        lines = page.lines[: max(0, asked.end - page.first)]
        if lines and page.first > place:
            yield shape(Frame(skipped=page.first - place), ())
        if lines:
            yield shape(Frame(page.first), lines)
        place = page.first + len(lines)
        if not lines or place >= asked.end:
            return
        page = _page(asked, place)
        if page.error:
            yield shape(Frame(note=page.error), ())


async def _follow(user: Any, asked: _Asked, shape: Shape) -> AsyncIterator[bytes]:
    """Until the container ends, or the right does."""
    clock = asyncio.get_running_loop().time
    checked = clock()
    async with aclosing(log_feeds.watch(asked.pod, asked.container, asked.start, asked.previous)) as frames:
        async for frame in frames:
            if clock() - checked > CHECK_SECONDS:
                checked = clock()
                if not await sync_to_async(_still)(user, asked.workload.pk):
                    return
            yield shape(frame, frame.lines)


def _still(user: Any, pk: int) -> bool:
    """Whether `user` may still read the logs."""
    forget_rules(user)
    user.refresh_from_db(fields=["is_active", "is_superuser"])
    workload = Workload.objects.select_related("project").filter(pk=pk).first()
    return workload is not None and may(user, "read_logs", workload)


def _ndjson(frame: Frame, lines: Sequence[logs.Line]) -> bytes:
    """One object a line; what is no line of the log says what it is."""
    said: list[dict[str, Any]] = [
        {"line": number, "time": time, "text": text} for number, (time, text) in enumerate(lines, frame.first)
    ]
    if frame.skipped:
        said.append({"skipped": frame.skipped})
    if frame.reset:
        said.append({"reset": True})
    if frame.end:
        said.append({"end": True, "why": frame.note})
    elif frame.note:
        said.append({"note": frame.note})
    return b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in said)


def _text(frame: Frame, lines: Sequence[logs.Line]) -> bytes:
    """The lines alone; what is missing among them in brackets."""
    skipped = f"[{frame.skipped} lines are not there]\n" if frame.skipped else ""
    return (skipped + "".join(f"{text}\n" for _, text in lines)).encode("utf-8", "replace")
