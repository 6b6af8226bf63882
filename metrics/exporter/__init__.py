"""The GPU exporter: what the NVIDIA driver tells of this machine's GPUs, and which pods have them, over HTTP.

`python -m metrics.exporter`. A program of its own, read by HTTP: it imports no Django and nothing of ours.
"""
