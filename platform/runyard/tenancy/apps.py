"""Django app of the tenancy room."""

from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "runyard.tenancy"
    label = "tenancy"
