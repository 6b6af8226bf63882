"""The host names of tools."""

import pytest

from runyard.connect import hosts
from runyard.connect.hosts import Place, is_secure, is_tool_host, origin_of, place_of


def test_a_place_and_its_origin_name_each_other():
    assert origin_of(Place(12, "jupyter")) == "http://w12-jupyter.localhost:8000"
    assert place_of("w12-jupyter.localhost:8000") == Place(12, "jupyter")


@pytest.mark.parametrize(
    "host",
    [
        *("w0-x", "w1-", "w1", "a.w1-x", "w1-x_y", "w-x", "w1-x-", ""),
        f"w{10**19}-x",
        f"w1-{'x' * 60}",
    ],
)
def test_what_is_no_tools_name_is_none_but_never_reaches_our_pages(host):
    assert place_of(f"{host}.localhost") is None
    assert is_tool_host(f"{host}.localhost")


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:8000", "w1-x.localhost.evil.example", "evillocalhost", ""]
)
def test_other_hosts_are_left_to_our_pages(host):
    assert not is_tool_host(host)


def test_without_a_domain_there_are_no_tools(settings):
    settings.TOOLS_DOMAIN = ""
    assert not is_tool_host("w1-x.localhost")
    assert not is_tool_host("w1-x.")


def test_production_has_a_domain_of_its_own_and_tls(settings):
    settings.TOOLS_DOMAIN, settings.ORIGINS = "tools.example.com", ["https://runyard.example.com"]
    assert origin_of(Place(3, "tb")) == "https://w3-tb.tools.example.com"
    assert place_of("W3-TB.tools.example.com") == Place(3, "tb")


def test_hosts_of_any_length_are_read_and_only_names_are_remembered():
    hosts._read.cache_clear()
    long = "x" * 100_000 + ".localhost"
    assert is_tool_host(long)
    assert place_of(long) is None
    assert is_tool_host("w1-x.localhost")
    assert place_of("w1-x.localhost") == Place(1, "x")
    assert hosts._read.cache_info().currsize == 1


def test_a_scheme_is_secure_in_any_case(settings):
    settings.ORIGINS = ["HTTPS://runyard.example.com"]
    assert is_secure()
