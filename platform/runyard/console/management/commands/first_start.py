"""`manage.py first_start`: the administrator, the default department and project, and this machine's cluster.

Idempotent; prints one JSON line. The password is shown once, at the start that makes the account.
"""

import json
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from runyard.clusters.models import Cluster
from runyard.tenancy.models import Department, Project, User
from runyard.tenancy.signin import link_for


class Command(BaseCommand):
    help = __doc__

    @transaction.atomic
    def handle(self, **options: Any) -> None:
        department, _ = Department.objects.get_or_create(name="default")
        Project.objects.get_or_create(
            name="default", defaults={"department": department, "namespace": "default"}
        )
        name = "local" if settings.MODE == "embedded" else "main"
        cluster = {"kubeconfig": settings.KUBECONFIG, "pod_network": settings.POD_NETWORK}
        Cluster.objects.update_or_create(name=name, defaults=cluster)
        self.stdout.write(json.dumps(self._administrator()))

    def _administrator(self) -> dict[str, Any]:
        admin = User.objects.filter(is_superuser=True, is_active=True).first()
        if admin is not None:
            never_in = admin.last_login is None
            return {"created": False, "username": admin.username} | (
                {"link": link_for(admin)} if never_in else {}
            )
        password = secrets.token_urlsafe(12)
        admin = User.objects.create_superuser("admin", password=password)
        return {"created": True, "username": "admin", "password": password, "link": link_for(admin)}
