"""Django app of the clusters room."""

from django.apps import AppConfig


class ClustersConfig(AppConfig):
    name = "runyard.clusters"
    label = "clusters"
