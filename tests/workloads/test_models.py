"""Workload rows by themselves."""

from django.urls import reverse


def test_a_workload_has_the_address_its_page_has(ada_training):
    assert ada_training.get_absolute_url() == reverse("workload", args=[ada_training.pk])
