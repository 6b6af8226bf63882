"""What the doctor says of the Redis of the settings: taking tasks, or none, or not there."""

import shutil

import pytest
import redis

from runyard.doctor.broker import check_broker
from runyard.doctor.findings import Grade
from runyardctl.valkey import Valkey
from tests.embedded import until
from tests.full import full, limit_to_tasks


def test_a_redis_that_takes_tasks(valkey):
    found = check_broker()
    assert (found.about, found.grade, found.says) == ("tasks", Grade.OK, "Redis takes them.")


def test_a_redis_that_takes_no_tasks_is_a_problem_with_what_to_do(valkey):
    with redis.Redis.from_url(valkey) as administrator, full(administrator):
        found = check_broker()
    assert found.grade is Grade.PROBLEM
    assert found.says.startswith("Redis is full: what people ask waits")
    assert "more maxmemory" in found.advice
    assert check_broker().grade is Grade.OK


def test_a_replica_takes_no_tasks(tmp_path, settings):
    with Valkey(tmp_path).running() as settings.REDIS_URL:
        with redis.Redis.from_url(settings.REDIS_URL) as administrator:
            administrator.replicaof("127.0.0.1", 1)
        found = check_broker()
    assert (found.grade, "read-only replica" in found.says) == (Grade.PROBLEM, True)
    assert "name its primary" in found.advice


def test_a_redis_that_cannot_save_takes_no_tasks(tmp_path, settings):
    server = Valkey(tmp_path)
    with server.running() as settings.REDIS_URL:
        with redis.Redis.from_url(settings.REDIS_URL) as administrator:
            administrator.config_set("save", "3600 1")
            shutil.rmtree(server.folder)
            administrator.bgsave()
            until(lambda: administrator.info()["rdb_last_bgsave_status"] == "err", what="it to have failed")
        found = check_broker()
    assert (found.grade, "cannot save" in found.says) == (Grade.PROBLEM, True)
    assert "room on its disk" in found.advice


def test_a_redis_that_refuses_the_probe_alone_is_not_said_to_take_no_tasks(tmp_path, settings):
    """Its user may write the keys of the tasks, and no others."""
    with Valkey(tmp_path).running() as url, redis.Redis.from_url(url) as administrator:
        limit_to_tasks(administrator)
        settings.REDIS_URL = f"{url}?username=worker&password=word"
        found = check_broker()
    assert found.grade is Grade.WARNING
    assert found.says.startswith("Whether Redis takes tasks cannot be seen: ")
    assert "runyard:probe" in found.advice


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", "unix:///nowhere/valkey.sock"])
def test_a_redis_that_is_not_there_is_a_problem_only_where_one_has_to_be(settings, url):
    settings.REDIS_URL, settings.PRODUCTION = url, False
    assert check_broker().grade is Grade.ABSENT
    settings.PRODUCTION = True
    found = check_broker()
    assert (found.grade, found.says.startswith("Redis does not answer: ")) == (Grade.PROBLEM, True)
    assert "RUNYARD_REDIS_URL" in found.advice


@pytest.mark.parametrize("url", ["redis://:pa#ss@h:1", "redis://:pa/ss@h:1", "http://redis"])
def test_what_is_no_address_is_a_problem_anywhere_told_without_its_password(settings, url):
    settings.REDIS_URL = url
    for settings.PRODUCTION in (False, True):
        found = check_broker()
        assert found.grade is Grade.PROBLEM
        assert found.says == "RUNYARD_REDIS_URL is no address of a Redis."
        assert "percent-encode its password" in found.advice
