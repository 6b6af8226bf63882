"""The embedded cluster: a Kubernetes API server, its controllers and a kubelet, for one machine."""

VERSION = "v1.35.0+localcluster"  # of the API that is spoken
