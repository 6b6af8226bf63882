"""What Runyard needs of a Kubernetes API. Knows only a kubeconfig, so it runs against any cluster."""
