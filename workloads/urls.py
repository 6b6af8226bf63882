"""Addresses of the workload pages."""

from django.urls import path

from workloads.views import (
    actions,
    bulk,
    columns,
    export,
    history,
    logs,
    manifest,
    pods,
    saved_forms,
    submit,
    table,
    workload,
)

urlpatterns = [
    path("", table.workloads, name="workloads"),
    path("rows", table.rows, name="workload-rows"),
    path("page", table.page, name="workload-page"),
    path("workloads.csv", export.download, name="workload-csv"),
    path("columns", columns.columns, name="workload-columns"),
    path("filter", columns.add_filter, name="workload-filter"),
    path("views", saved_forms.create, name="workload-views"),
    path("views/<int:view>", saved_forms.change, name="workload-view"),
    path("selection", actions.selection, name="workload-selection"),
    path("bulk", actions.bulk_action, name="workload-bulk"),
    path("bulk/<int:bulk>", bulk.result, name="workload-bulk-result"),
    path("bulk/<int:bulk>/card", bulk.card, name="workload-bulk-card"),
    path("bulk/<int:bulk>/cancel", bulk.cancel, name="workload-bulk-cancel"),
    path("new", submit.new, name="workload-new"),
    path("new/preview", submit.preview, name="workload-preview"),
    path("sample", submit.sample_now, name="workload-sample"),
    path("<int:pk>/", workload.overview, name="workload"),
    path("<int:pk>/events", history.events, name="workload-events"),
    path("<int:pk>/events.csv", history.download, name="workload-events-csv"),
    path("<int:pk>/pods", pods.page, name="workload-pods"),
    path("<int:pk>/pods/page", pods.rows, name="workload-pod-page"),
    path("<int:pk>/pods.csv", pods.download, name="workload-pods-csv"),
    path("<int:pk>/yaml", manifest.page, name="workload-yaml"),
    path("<int:pk>/logs", logs.page, name="workload-logs"),
    path("<int:pk>/logs/download", logs.download, name="workload-log-download"),
]
