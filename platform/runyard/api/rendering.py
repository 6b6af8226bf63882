"""What the API can be asked for besides JSON: CSV, which the view streams by itself."""

from typing import Any

from rest_framework.renderers import BaseRenderer, JSONRenderer


class CsvRenderer(BaseRenderer):
    """Makes `Accept: text/csv` acceptable. What is no file, such as a refusal, stays JSON and says so."""

    media_type, format = "text/csv", "csv"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        renderer_context["response"]["Content-Type"] = JSONRenderer.media_type
        return JSONRenderer().render(data, JSONRenderer.media_type, renderer_context)
