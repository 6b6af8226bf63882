"""A way in: the tools of a workload, such as Jupyter or TensorBoard, each on an origin of its own.

`application` (in `app`) is the ASGI door to them; pages and API hand out visits to it. See docs/connect.md.
"""
