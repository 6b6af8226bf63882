"""Long answers sent as they are made: never held whole, whichever server runs us."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

from django.http import StreamingHttpResponse


def stream_response(chunks: Iterable[bytes], content_type: str, filename: str = "") -> StreamingHttpResponse:
    """Stream `chunks`, read in a thread; with `filename` as a download of that name.

    Under ASGI Django would gather a plain iterator whole before the first byte is sent.
    """
    response = StreamingHttpResponse(_each(chunks), content_type=content_type)
    if filename:
        safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in filename)
        response["Content-Disposition"] = f'attachment; filename="{safe}"'
    return response


async def _each(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    iterator: Iterator[bytes] = iter(chunks)
    while (chunk := await asyncio.to_thread(next, iterator, None)) is not None:
        yield chunk
