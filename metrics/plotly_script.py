"""Finds plotly.min.js in the Plotly package, as a static file: that one, and no other of its files."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

NAME, FOLDER = "plotly.min.js", "package_data"


class PlotlyFinder(BaseFinder):
    """For settings.STATICFILES_FINDERS. The package itself is not imported: that takes a second."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        found = importlib.util.find_spec("plotly")
        folder = Path((found and found.origin) or "plotly/none").parent
        self.storage = FileSystemStorage(folder / FOLDER)

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        there = self.storage.path(NAME) if path == NAME else None
        return [there] if find_all and there else there or []

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, FileSystemStorage]]:
        yield NAME, self.storage
