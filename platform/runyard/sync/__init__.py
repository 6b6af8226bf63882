"""Keeps our rows equal to the clusters: list, watch, apply, publish. Celery wakes it."""
