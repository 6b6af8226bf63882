"""The `runyard` command. It speaks HTTP to the platform and starts its processes.

It imports no Django and nothing of ours.
"""
