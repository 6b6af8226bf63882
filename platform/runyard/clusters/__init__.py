"""Clusters and their nodes, and the one place that speaks to the Kubernetes API."""
