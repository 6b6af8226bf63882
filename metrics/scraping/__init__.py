"""Looks at the nodes of a cluster by itself, where no Prometheus does: fetch, parse, stage, tell."""
