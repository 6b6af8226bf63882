"""What the door lets through: one request or websocket, where it goes, and whether its visit still holds."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from runyard.connect.headers import Headers
from runyard.connect.targets import Target
from runyard.connect.upstream import Asked

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Passage:
    """`scope`, `receive` and `send` are the browser's side; `person` is the key
    of the user who asks, `headers` are those that the tool gets."""

    scope: dict[str, Any]
    receive: Receive
    send: Send
    target: Target
    person: int
    asked: Asked
    headers: Headers
    still: Callable[[], Awaitable[bool]]
