"""Signing in and out, sign-in links, and the pages that stand alone."""

import pytest

from runyard.tenancy.signin import link_for

PASSWORD = "a long password"


def test_name_and_password_lead_to_the_page_that_was_asked_for(ada, client):
    response = client.post("/sign-in/", {"username": "ada", "password": PASSWORD, "next": "/workloads/new"})
    assert response["Location"] == "/workloads/new"


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x"]
)
def test_signing_in_never_leads_elsewhere(ada, client, target):
    response = client.post("/sign-in/", {"username": "ada", "password": PASSWORD, "next": target})
    assert response["Location"] == "/workloads/"


def test_a_line_end_in_next_makes_no_header(ada, client):
    response = client.post("/sign-in/", {"username": "ada", "password": PASSWORD, "next": "/x\r\nX-Evil: y"})
    assert response["Location"] in ("/workloads/", "/x%0D%0AX-Evil:%20y")
    assert "X-Evil" not in response


@pytest.mark.parametrize("username", ["ada", "nobody", "x" * 10_240, "a\0b", "\u202eada", "<script>"])
def test_a_wrong_sign_in_says_so_in_one_way(ada, client, username):
    response = client.post("/sign-in/", {"username": username, "password": "wrong"})
    text = response.content.decode()
    assert response.status_code == 200
    assert "do not match" in text
    assert text.count('aria-invalid="true"') == 2
    assert text.count("autofocus") == 1
    assert "<script>" not in text
    assert len(text) < 10_000


def test_signing_in_changes_the_session_and_signing_out_ends_it(ada, client):
    client.get("/sign-in/")
    client.post("/sign-in/", {"username": "ada", "password": PASSWORD})
    session = client.session.session_key
    assert client.get("/sign-out/").status_code == 405
    client.post("/sign-out/")
    assert client.session.session_key != session
    assert client.get("/workloads/").status_code == 302


def test_a_link_signs_in_once_and_only_by_a_post(ada, client):
    link = link_for(ada)
    assert "Welcome, Ada Lovell" in client.get(link).content.decode()
    assert "_auth_user_id" not in client.session
    assert client.post(link)["Location"] == "/workloads/"
    client.logout()
    again = client.get(link)
    assert again.status_code == 410
    assert "not valid any more" in again.content.decode()


@pytest.mark.parametrize("link", ["/sign-in/x/y/", "/sign-in/MQ/abc-def/", "/sign-in/%00/x/"])
def test_a_link_that_is_none_is_gone(db, client, link):
    assert client.get(link).status_code == 410


@pytest.mark.parametrize(
    "address", ["/nothing", "/workloads/x/", "/static/nothing.js/", "/workloads/1/nothing"]
)
def test_an_address_without_a_page_is_a_404_in_our_words(ada, browse, client, address):
    for visitor in (client, browse(ada)):
        response = visitor.get(address)
        assert response.status_code == 404
        assert "There is no such page" in response.content.decode()


def test_a_page_that_breaks_says_what_to_do_and_shows_nothing_of_the_cause(ada, browse, monkeypatch):
    def broken(*args):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("workloads.views.table.WorkloadTable.page", broken)
    client = browse(ada)
    client.raise_request_exception = False
    response = client.get("/workloads/")
    assert response.status_code == 500
    assert "Something broke in Runyard" in response.content.decode()
    assert "secret detail" not in response.content.decode()


def test_freshness_is_told_to_people_of_a_project_alone(ada, cluster, browse, django_user_model):
    assert browse(ada).get("/freshness").json()["clusters"][0]["state"] == "never"
    nobody = django_user_model.objects.create_user("zoe")
    assert browse(nobody).get("/freshness").json() == {"clusters": []}
