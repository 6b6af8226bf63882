"""What people are told when the database is away, or something breaks."""

import pytest
from django.db import OperationalError
from django.test import Client


@pytest.fixture
def broken(ada, monkeypatch):
    """`broken(error)`: a client of Ada's on whose next request every table query raises it."""

    def make(error):
        def fail(*args, **kwargs):
            raise error

        client = Client(raise_request_exception=False)
        client.force_login(ada)
        monkeypatch.setattr("workloads.queries.visible_workloads", fail)
        monkeypatch.setattr("workloads.tables.WorkloadTable.rows", fail)
        return client

    return make


def test_a_database_that_is_away_is_a_503_worth_trying_again(broken):
    response = broken(OperationalError("gone")).get("/workloads/")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "The database does not answer" in response.content.decode()


def test_the_api_says_it_in_its_own_shape(broken):
    response = broken(OperationalError("gone")).get("/api/v1/workloads")
    assert (response.status_code, response.json()["code"]) == (503, "Unavailable")


def test_a_fault_of_ours_is_a_500_that_tells_no_secret(broken):
    response = broken(RuntimeError("the password is swordfish")).get("/workloads/")
    assert response.status_code == 500
    assert "swordfish" not in response.content.decode()


@pytest.mark.parametrize(
    ("address", "leads_to"),
    [
        ("/workloads/new/", "/workloads/new"),
        ("/workloads/new/?copy=7&kind=training", "/workloads/new?copy=7&kind=training"),
        ("/workloads/1/logs/", "/workloads/1/logs"),
        ("/api/v1/workloads/", "/api/v1/workloads"),
        ("/workloads", "/workloads/"),
        ("/overview?range=1d", "/overview/?range=1d"),
    ],
)
def test_a_slash_too_much_or_too_little_leads_to_the_page(ada, browse, address, leads_to):
    response = browse(ada).get(address)
    assert (response.status_code, response["Location"]) == (301, leads_to)


@pytest.mark.parametrize("address", ["/nothing/", "/workloads/new//", "/workloads/999999/"])
def test_what_is_no_address_stays_a_404(ada, browse, address):
    assert browse(ada).get(address).status_code == 404


def test_nothing_that_is_sent_is_led_elsewhere(ada, browse):
    assert browse(ada).post("/workloads/new/").status_code == 404
