"""Django app of the doctor: it has commands only."""

from django.apps import AppConfig


class DoctorConfig(AppConfig):
    name = "runyard.doctor"
    label = "doctor"
