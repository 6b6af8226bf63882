"""The Django project: settings, doors (urls, asgi, celery) and the rooms behind them."""
