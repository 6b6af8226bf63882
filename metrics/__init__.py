"""GPU and CPU use per workload, pod and GPU. Sources and charts come here."""
