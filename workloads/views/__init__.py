"""Pages of workloads: HTML that works from its URL alone. Addresses are in `workloads.urls`."""
