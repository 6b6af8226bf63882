"""The bytes of an answer, streamed or not, as a client would have them."""

from asgiref.sync import async_to_sync


def content(response) -> bytes:
    return async_to_sync(_gathered)(response) if response.streaming else response.content


async def _gathered(response) -> bytes:
    return b"".join([chunk async for chunk in response])
