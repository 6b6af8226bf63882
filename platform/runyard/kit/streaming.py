"""Long answers sent as they are made: never held whole, whichever server runs us."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from urllib.parse import quote

from django.http import StreamingHttpResponse


def stream_response(chunks: Iterable[bytes], content_type: str, filename: str = "") -> StreamingHttpResponse:
    """Stream `chunks`, read in a thread; with `filename`, its odd characters replaced, as a download.

    Under ASGI Django would gather a plain iterator whole before the first byte is sent.
    """
    response = StreamingHttpResponse(_Stream(chunks), content_type=content_type)
    if filename:
        response["Content-Disposition"] = _download(filename)
    return response


def _download(filename: str) -> str:
    """The header; a name that is not ASCII comes twice, the plain one for clients that know no other."""
    safe = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in filename)
    plain = "".join(sign if sign.isascii() else "_" for sign in safe)
    header = f'attachment; filename="{plain}"'
    return header if plain == safe else f"{header}; filename*=UTF-8''{quote(safe, errors='replace')}"


class _Stream:
    """Reads in threads; closes what it reads at the end, after an error, and when the client goes away."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._iterator: Iterator[bytes] = iter(chunks)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while (chunk := await asyncio.to_thread(next, self._iterator, None)) is not None:
                yield chunk
        finally:
            await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Django calls it as well, for a response that nobody read."""
        if close := getattr(self._iterator, "close", None):
            with suppress(ValueError):  # a generator that a thread still waits in
                close()
