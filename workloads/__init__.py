"""The domain: workloads of every kind, what state they are in and why, and what may be done to them."""
