"""The embedded Valkey on its real binary."""

import stat
from pathlib import Path

import redis

from runyardctl.valkey import Valkey


def test_it_answers_on_a_private_socket_and_takes_no_port(tmp_path):
    with Valkey(tmp_path).running() as url, redis.Redis.from_url(url) as client:
        assert client.ping()
        assert client.config_get("port") == {"port": "0"}
        assert stat.S_IMODE(Path(url.removeprefix("unix://")).parent.stat().st_mode) == 0o700


def test_a_stale_socket_does_not_bar_the_next_start(tmp_path):
    server = Valkey(tmp_path)
    server.socket.touch()
    with server.running() as url, redis.Redis.from_url(url) as client:
        assert client.set("a", "b")


def test_nothing_is_kept_on_disk(tmp_path):
    with Valkey(tmp_path).running() as url, redis.Redis.from_url(url) as client:
        client.set("a", "b")
    assert {path.name for path in (tmp_path / "valkey").iterdir()} == {"server.log"}
