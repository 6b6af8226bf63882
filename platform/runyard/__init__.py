"""The Django project: settings, doors (urls, asgi, celery) and the rooms behind them."""

from runyard.celery import app as celery_app  # tasks sent from any process need the app to be there

__all__ = ["celery_app"]
