"""The cast, and the things they act on.

Ada is a practitioner of project red, Bo its administrator, Cy heads the department of red and green,
Dee is the system administrator, Eve practises in project blue of another department: of red she must
see nothing.
"""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests import services
from tests.make import make_pod, make_workload


@pytest.fixture(scope="session")
def django_db_modify_db_settings():
    """pytest-django asks for this before it makes the test database."""
    services.start_postgres()


@pytest.fixture(scope="session")
def valkey():
    """The URL of a running Valkey, the one settings.REDIS_URL names."""
    return services.start_valkey()


@pytest.fixture
def research(db):
    from runyard.tenancy.models import Department

    return Department.objects.create(name="research")


@pytest.fixture
def red(research):
    return _project("red", research)


@pytest.fixture
def green(research):
    return _project("green", research)


@pytest.fixture
def blue(db):
    from runyard.tenancy.models import Department

    return _project("blue", Department.objects.create(name="sales"))


def _project(name, department):
    from runyard.tenancy.models import Project

    return Project.objects.create(name=name, department=department, namespace=name)


def _person(username, first, last, **rule):
    from runyard.tenancy.models import AccessRule, User

    user = User.objects.create_user(username, password="a long password", first_name=first, last_name=last)
    if rule:
        AccessRule.objects.create(user=user, **rule)
    return user


@pytest.fixture
def ada(red):
    return _person("ada", "Ada", "Lovell", role="practitioner", project=red)


@pytest.fixture
def bo(red):
    return _person("bo", "Bo", "Tran", role="administrator", project=red)


@pytest.fixture
def cy(red, research):
    return _person("cy", "Cy", "Okafor", role="administrator", department=research)


@pytest.fixture
def dee(db):
    from runyard.tenancy.models import User

    return User.objects.create_superuser(
        "dee", password="a long password", first_name="Dee", last_name="Roth"
    )


@pytest.fixture
def eve(blue):
    return _person("eve", "Eve", "Haddad", role="practitioner", project=blue)


@pytest.fixture
def vi(red):
    """A viewer of red: sees, may not touch."""
    return _person("vi", "Vi", "Sato", role="viewer", project=red)


@pytest.fixture
def browse():
    """`browse(ada)`: a Django test client signed in as that person."""

    def signed_in(user):
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def cluster(db, tmp_path):
    """A cluster that never answers: pages must not need it."""
    from runyard.clusters.models import Cluster

    return Cluster.objects.create(name="local", kubeconfig=str(tmp_path / "no-kubeconfig"))


@pytest.fixture
def ada_training(ada, red, cluster):
    """A running training of Ada's, with one pod."""
    workload = make_workload(
        red, cluster, name="redwood-sft", created_by=ada, phase="Running", was_running=True
    )
    make_pod(workload, phase="Running", ready=True, scheduled=True, node="node-1")
    return workload


@pytest.fixture
def eve_training(eve, blue, cluster):
    """A running training that only blue's people see."""
    return make_workload(blue, cluster, name="eves-own", created_by=eve, phase="Running")


@pytest.fixture
def yesterday():
    return timezone.now() - timedelta(days=1)
