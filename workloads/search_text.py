"""The words by which people find a workload: its own, its project's, its person's. Kept by triggers alone.

They stand in a table of their own, so that a workload that changes its phase, as most do all the time, leaves
their large index alone. Phases are no words of it: whoever searches asks for those beside.
"""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models


class SearchText(models.Model):
    """Of one workload, upper-cased."""

    workload = models.OneToOneField(
        "workloads.Workload", models.CASCADE, primary_key=True, related_name="search_text"
    )
    text = models.TextField()

    class Meta:
        indexes = [GinIndex(OpClass("text", name="gin_trgm_ops"), name="by_words")]

    def __str__(self) -> str:
        return self.text[:100]
