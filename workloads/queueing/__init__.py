"""What schedulers' own objects say of workloads: Kueue's Workload, the PodGroup of KAI and of Volcano.

`schedulers` reads the objects, `models` keeps one row an object, `saying` sums up on the workload's row what
they say of it, `entries` is their part of a batch of observations, `guarantees` what KAI's queues promise.
docs/why-pending.md says what is read.
"""
