"""Answers of our own on a tool's origin: a redirect, or a page that says in words what is wrong."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.template.loader import get_template

Send = Callable[[Any], Awaitable[None]]
TITLES = {
    400: "This address is not right",
    403: "You are not let in",
    404: "There is no such tool",
    429: "Too many at once",
}
WAITING = "The tool does not answer"


async def answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """One whole answer, kept by nobody."""
    always = [(b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    always += [(b"referrer-policy", b"no-referrer"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": status, "headers": [*always, *headers]})
    await send({"type": "http.response.body", "body": body})


async def redirect(send: Send, to: str, cookie: str = "") -> None:
    headers = [(b"location", to.encode())]
    if cookie:
        headers.append((b"set-cookie", cookie.encode()))
    await answer(send, 303, b"", headers)


async def problem(send: Send, scope: dict[str, Any], status: int, words: str, back: str = "") -> None:
    """What is wrong and what to do: a page for a person, a line for a script."""
    if not is_visit(scope):
        return await answer(
            send, status, f"{words}\n".encode(), [(b"content-type", b"text/plain; charset=utf-8")]
        )
    context = {"title": TITLES.get(status, WAITING), "words": words, "back": back}
    page = get_template("connect/problem.html").render(context)
    policy = (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    )
    return await answer(send, status, page.encode(), [(b"content-type", b"text/html; charset=utf-8"), policy])


def is_visit(scope: dict[str, Any]) -> bool:
    """Whether a person looks at the answer: a page of its own, not a part of one."""
    headers = dict(scope["headers"])
    mode = headers.get(b"sec-fetch-mode")
    return mode == b"navigate" if mode else b"text/html" in headers.get(b"accept", b"")
