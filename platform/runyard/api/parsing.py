"""Reads JSON bodies strictly: no NaN, no bad UTF-8, no bottomless nesting."""

from typing import IO, Any

import msgspec
from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser


class TooLarge(APIException):
    status_code, default_code = 413, "too_large"
    default_detail = f"The body is larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20} MiB."


class StrictJSONParser(BaseParser):
    """msgspec in place of Python's json, which takes NaN and fails on deep nesting with a 500."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge
        if b"\\u0000" in body:  # no column can hold it
            raise ParseError("Remove the NUL character.")
        try:
            return msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise ParseError("The body is not JSON that can be read.") from error
