"""The one websocket: hints and logs, by topic, each with the right it needs."""
