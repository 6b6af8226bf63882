"""The REST root: what the pages do, for programs."""
