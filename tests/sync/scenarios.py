"""The shortest lives of a cluster that show one bug each of `seeded`, told in the rules of `machine.Life`.

Each takes a Life that has not begun and leaves it to be healed, where most of them are found out.
"""

from tests.sync.machine import Life
from tests.sync.misbehaving import Fault

RUNNING = {"status": {"phase": "Running"}}


def list_is_newer_than_its_last_item(life: Life) -> None:
    """And what is older than the list is forgotten."""
    life.begin({"a", "b"})
    life.nobody_watches_for_a_while([("a", RUNNING)], "status")


def late_event_of_what_a_list_lacks(life: Life) -> None:
    """A pod is deleted, a list comes without it, and then a watch tells of its beginning."""
    life.begin({"a", "b"})
    life.late_event_follows_a_list([("a", "deleted")], "a", 1)


def late_event_of_what_is_deleted(life: Life) -> None:
    """A watch tells of a deletion, and then of what came before it."""
    life.begin({"a", "b"})
    life.late_event_follows_news("a", "deleted")


def list_breaks_off(life: Life) -> None:
    """Its second page does not come."""
    life.begin({"a", "b", "c"})
    life.list_breaks_off(Fault("page", "500"))


def database_goes_away(life: Life) -> None:
    """While a change is written."""
    life.begin({"a"})
    life.pods([("a", RUNNING)])
    life.database_will_fail()
    life.follower_goes_on(2, writes=True)


def watch_says_that_it_is_too_late(life: Life) -> None:
    """In the stream, after a 200."""
    life.begin({"a"})
    life.nobody_watches_for_a_while([("a", RUNNING)], "event")


def name_has_a_new_owner(life: Life) -> None:
    """Made again while nobody watched."""
    life.begin({"a"})
    life.nobody_watches_for_a_while([("a", "made again")], "status")


def late_event_of_what_has_changed(life: Life) -> None:
    """A watch tells of the change before the last again."""
    life.begin({"a"})
    life.late_event_follows_news("a", {"status": {"phase": "Failed"}})
