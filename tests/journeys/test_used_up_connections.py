"""A PostgreSQL that lets nobody in: pages say so, nobody dies of it, and it is over at once after."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx
import psycopg

from runyardctl.postgres import Postgres
from tests.journeys.pages import counting
from tests.journeys.test_kills import RECOVERS, pids
from tests.product import Api, Up

OTHERS = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> ALL(%s)"


@contextmanager
def used_up(postgres: Postgres) -> Iterator[None]:
    """Every connection that the server gives is taken; those that the product had were ended."""
    with ExitStack() as taken:

        def take() -> psycopg.Connection:
            return taken.enter_context(closing(psycopg.connect(postgres.url, autocommit=True)))

        administrator = take()
        mine = [administrator.info.backend_pid]
        while administrator.execute(f"SELECT pg_terminate_backend(pid) {OTHERS}", [mine]).rowcount:
            with suppress(psycopg.OperationalError):  # there are no more
                while True:
                    mine.append(take().info.backend_pid)
        yield


def test_when_all_connections_are_used_up_pages_say_so_and_go_on_at_once_after(
    product: Up, api: Api, tmp_path: Path
):
    died, before = product.text.count("died"), api.submit("connected-before", counting(tmp_path / "before"))
    api.wait(before, "Running")
    with used_up(Postgres(product.home)):
        refused = api.insist(lambda: refusal(api, before), RECOVERS, "a refusal")
        assert refused.status_code == 503
        assert "The database does not answer" in refused.text
        product.wait_for("too many clients already")
    later = api.insist(lambda: api.submit("connected-later", counting(tmp_path / "later")), RECOVERS, "it")
    api.wait(later, "Running")
    api.wait(before, "Running")
    api.insist(lambda: pids(tmp_path / "later"), RECOVERS, "its start")
    assert len(pids(tmp_path / "later")) == len(pids(tmp_path / "before")) == 1
    assert product.text.count("died") == died
    for pk in (before, later):
        api.delete(pk)


def refusal(api: Api, pk: int) -> httpx.Response | None:
    try:
        api.read(pk)
    except httpx.HTTPStatusError as error:
        return error.response
    return None
