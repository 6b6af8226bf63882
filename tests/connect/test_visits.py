"""Tickets and visits: who is let in, how often, and for how long."""

from datetime import timedelta
from hashlib import sha256

import pytest
from django.http import QueryDict
from django.utils import timezone

from runyard.connect import visits
from runyard.connect.forgetting import forget_visits
from runyard.connect.hosts import Place
from runyard.connect.models import Visit
from runyard.tenancy.access import Denied
from runyard.tenancy.models import AccessRule
from workloads import history


@pytest.fixture
def place(ada_training):
    return Place(ada_training.pk, "jupyter")


@pytest.fixture
def session_key(browse, ada):
    return browse(ada).session.session_key


@pytest.fixture
def ticket(ada, session_key, ada_training):
    return visits.admit(ada, session_key, ada_training, "jupyter")


def test_ada_enters_once_and_is_known_by_her_cookie(ada, ticket, place):
    cookie = visits.enter(ticket, place)
    assert visits.guest(cookie, place).user == ada
    with pytest.raises(Denied, match="used before"):
        visits.enter(ticket, place)


def test_neither_ticket_nor_cookie_stands_in_the_database(ticket, place):
    cookie = visits.enter(ticket, place)
    row = Visit.objects.values().get()
    assert {ticket, cookie}.isdisjoint(map(str, row.values()))


def test_a_ticket_is_for_one_tool_of_one_workload(ticket, place):
    for other in (Place(place.workload, "tensorboard"), Place(place.workload + 1, "jupyter")):
        with pytest.raises(Denied):
            visits.enter(ticket, other)
    assert visits.enter(ticket, place)


def test_a_ticket_is_good_for_seconds(ticket, place):
    Visit.objects.update(asked_at=timezone.now() - timedelta(seconds=visits.TICKET_SECONDS + 1))
    with pytest.raises(Denied, match="too old"):
        visits.enter(ticket, place)


def test_a_cookie_is_of_no_use_at_another_tool(ticket, place):
    cookie = visits.enter(ticket, place)
    with pytest.raises(Denied):
        visits.guest(cookie, Place(place.workload, "tensorboard"))


@pytest.mark.parametrize("ends", ["rule", "session", "person", "age", "deleted visit"])
def test_a_visit_ends_with_what_it_stood_on(browse, ada, session_key, ticket, place, ends):
    cookie = visits.enter(ticket, place)
    if ends == "rule":
        AccessRule.objects.filter(user=ada).delete()
    elif ends == "session":
        browse(ada).session.flush()
        from django.contrib.sessions.models import Session

        Session.objects.all().delete()
    elif ends == "person":
        ada.is_active = False
        ada.save()
    elif ends == "age":
        Visit.objects.update(entered_at=timezone.now() - visits.LONGEST)
    else:
        Visit.objects.all().delete()
    with pytest.raises(Denied):
        visits.guest(cookie, place)


def test_eve_and_a_viewer_get_no_ticket(eve, vi, session_key, ada_training):
    for person in (eve, vi):
        with pytest.raises(Denied, match="connect"):
            visits.admit(person, session_key, ada_training, "jupyter")
    assert not Visit.objects.exists()


def test_unused_tickets_go_after_a_day_and_visits_after_a_year(ada, session_key, ada_training, place):
    kept = visits.enter(visits.admit(ada, session_key, ada_training, "jupyter"), place)
    old = visits.enter(visits.admit(ada, session_key, ada_training, "jupyter"), place)
    visits.admit(ada, session_key, ada_training, "jupyter")
    now = timezone.now()
    Visit.objects.exclude(entered_at=None).update(asked_at=now - timedelta(days=30))
    Visit.objects.filter(entered_at=None).update(asked_at=now - timedelta(days=2))
    Visit.objects.filter(cookie=sha256(old.encode()).hexdigest()).update(asked_at=now - timedelta(days=366))
    assert forget_visits() == 2
    assert visits.guest(kept, place).user == ada


def test_a_visit_stands_in_the_workloads_history_as_what_she_did(ada, vi, eve, ticket, place, ada_training):
    assert not _opened(ada, ada_training)  # a ticket alone is no visit
    cookie = visits.enter(ticket, place)
    visits.guest(cookie, place)
    began = Visit.objects.get().entered_at
    for used, words in ((30, ""), (90, ", used for 1 min"), (7_300, ", used for 2 h")):
        Visit.objects.update(seen_at=began + timedelta(seconds=used))
        [found] = _opened(ada, ada_training)
        assert (found.type, found.title, found.source) == ("action", "Opened jupyter", "runyard")
        assert found.words == f"by {ada.get_full_name() or ada.username}{words}"
    assert len(_opened(vi, ada_training)) == 1
    assert not _opened(eve, ada_training)


@pytest.mark.parametrize(
    ("asked", "found"),
    [("q=jupyter", 1), ("q=opened+jup", 1), ("q=tensorboard", 0), ("type=action", 1), ("type=warning", 0)],
)
def test_visits_are_found_in_the_history_by_their_words(ada, ticket, place, ada_training, asked, found):
    visits.enter(ticket, place)
    wanted = history.read(QueryDict(asked), ada, ada_training)
    shown = [one for one in history.page(ada, ada_training, wanted).happenings if one.key[:5] == "visit"]
    assert len(shown) == found


def _opened(user, workload):
    return [one for one in history.latest(user, workload, 50) if one.key.startswith("visit-")]
