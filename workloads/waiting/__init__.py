"""Why a workload waits, in one sentence with the next step, from what schedulers and nodes say themselves.

`told` reads one message, `nodes`, `queues`, `admission` and `starting` know the messages, `sources` finds
those of one workload. docs/why-pending.md says what is read. A message nobody knows is shown as it is.
"""
