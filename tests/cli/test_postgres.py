"""The embedded PostgreSQL on its real binaries: first start, next start, and what crashes leave behind."""

import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from runyardctl import pg_account
from runyardctl.pg_binaries import find_binaries
from runyardctl.poll import until
from runyardctl.postgres import Postgres
from runyardctl.process import end
from runyardctl.trouble import Trouble


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A home whose data folder exists, so that the tests below need no initdb of their own."""
    home = tmp_path_factory.mktemp("made")
    Postgres(home, durable=False).prepare()
    return home


def modes(folder: Path) -> dict[Path, int]:
    return {parent: stat.S_IMODE(parent.stat().st_mode) for parent in (folder, *folder.parents)}


def test_a_first_start_makes_a_database_that_the_next_start_finds(tmp_path):
    tmp_path.chmod(0o700)
    before = modes(tmp_path)
    with Postgres(tmp_path, durable=False).running() as url, psycopg.connect(url) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        connection.execute("CREATE TABLE kept AS SELECT 'red' AS name")
    with Postgres(tmp_path).running() as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT name, similarity(name, 'red') FROM kept").fetchone() == ("red", 1.0)
    assert modes(tmp_path) == before


def test_only_the_owner_reaches_the_socket_and_no_port_is_open(made):
    with Postgres(made, durable=False).running() as url, psycopg.connect(url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert stat.S_IMODE(Path(connection.info.host).stat().st_mode) == 0o700


def test_a_deep_home_gets_a_short_socket_path(tmp_path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with Postgres(deep, durable=False).running() as url, psycopg.connect(url) as connection:
        folder = Path(connection.info.host)
    assert len(str(folder)) < 100
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_interrupted_initdb_is_begun_anew(tmp_path):
    half = tmp_path / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with Postgres(tmp_path, durable=False).running() as url:
        psycopg.connect(url).close()
    assert not half.exists()


def test_a_killed_server_starts_again(made):
    for _ in range(2):
        server = Postgres(made)
        server.prepare()
        command = server.command()
        with (made / "log").open("wb") as output:
            process = subprocess.Popen(command.argv, **command.options(output))
        assert until(server.is_ready, 20)
        process.kill()
        process.wait()
    with Postgres(made).running() as url:
        psycopg.connect(url).close()


def test_a_server_left_running_is_ended_before_the_next_starts(made):
    left = Postgres(made)
    left.prepare()
    command = left.command()
    with (made / "log").open("wb") as output:
        process = subprocess.Popen(command.argv, **command.options(output))
    try:
        assert until(left.is_ready, 20)
        with Postgres(made).running() as url:
            psycopg.connect(url).close()
        assert process.wait(10) == 0
    finally:
        end(process, signal.SIGKILL)


def test_a_pid_file_naming_a_stranger_neither_bars_the_start_nor_ends_the_stranger(made):
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        (made / "postgres" / "data" / "postmaster.pid").write_text(f"{stranger.pid}\n/elsewhere\n1\n5432\n")
        with Postgres(made, durable=False).running() as url:
            psycopg.connect(url).close()
        assert psutil.Process(stranger.pid).status() != psutil.STATUS_ZOMBIE
    finally:
        stranger.kill()
        stranger.wait()


def test_data_of_another_version_is_refused_in_words(made, tmp_path):
    data = tmp_path / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("12\n")
    with pytest.raises(Trouble, match="made by PostgreSQL 12") as caught:
        Postgres(tmp_path).prepare()
    assert "RUNYARD_POSTGRES_BIN" in caught.value.line


def test_a_binaries_folder_that_holds_none_is_refused_by_name(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNYARD_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(Trouble, match="RUNYARD_POSTGRES_BIN"):
        find_binaries()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_it_never_runs_as_root_even_where_user_namespaces_are_forbidden(monkeypatch, tmp_path, open_folder):
    monkeypatch.setattr(pg_account, "namespace_works", lambda seat: False)
    monkeypatch.setattr(pg_account, "SHARED", open_folder)
    server = Postgres(tmp_path, durable=False)
    with server.running() as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
        assert psutil.Process(postmaster).uids().effective != 0
