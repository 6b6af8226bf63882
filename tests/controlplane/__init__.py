"""The control-plane kit: how it is built, and what runs on it."""
