"""The log files of the children: bounded, and searched for what a person should see."""

import re

from runyardctl import logs
from runyardctl.logs import Log

WARNING = re.compile("WARNING")


def test_only_new_whole_lines_are_news(tmp_path):
    log = Log(tmp_path, "web")
    with log.open() as file:
        file.write(b"WARNING old\n")
        log.skip()
        file.write(b"fine\nWARNING one\nWARNING half")
        assert log.news(WARNING) == ["WARNING one"]
        file.write(b" and whole \xff\n")
        assert log.news(WARNING) == ["WARNING half and whole �"]
    assert log.news(WARNING) == []


def test_a_long_log_becomes_the_older_file_while_it_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr(logs, "LIMIT_BYTES", 100)
    log = Log(tmp_path, "web")
    with log.open() as file:
        file.write(b"x" * 101)
        log.bound()
        file.write(b"WARNING on\n")
    assert log.path.read_bytes() == b"WARNING on\n"
    assert (tmp_path / "web.log.1").read_bytes() == b"x" * 101
    assert log.news(WARNING) == ["WARNING on"]


def test_the_tail_is_the_end(tmp_path):
    log = Log(tmp_path, "web")
    with log.open() as file:
        file.write(b"first\n" + b"x" * 20_000 + b"\nlast\n")
    assert log.tail().endswith("\nlast\n")
    assert "first" not in log.tail()
