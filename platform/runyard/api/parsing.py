"""Reads JSON bodies strictly: no NaN, no bad UTF-8, no bottomless nesting."""

from typing import IO, Any

import msgspec
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class StrictJSONParser(BaseParser):
    """msgspec in place of Python's json, which takes NaN and fails on deep nesting with a 500."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return msgspec.json.decode(stream.read())
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise ParseError("The body is not JSON that can be read.") from error
