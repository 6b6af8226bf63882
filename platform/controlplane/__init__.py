"""A real Kubernetes control plane as plain processes, for tests and demonstrations: etcd, API server,
controllers, scheduler, and nodes with GPUs that kwok simulates. No containers, nothing outside this machine.

`building` makes the programs with Go, `plane` runs them. Knows neither Django nor the rest of Runyard.
"""
