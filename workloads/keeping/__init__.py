"""Logs that outlive their pods: collected while a container runs, kept in chunks, read like any other log."""
