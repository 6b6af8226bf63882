"""Which headers pass."""

import pytest

from runyard.connect.headers import from_tool, to_tool, unprefixed

OURS = frozenset({"runyard_tool", "runyard_session", "runyard_csrf"})
PREFIX = "/api/v1/namespaces/red/pods/work-0:8888/proxy"


def sent(*headers):
    return dict(to_tool(headers, "w1-x.localhost", OURS, secure=False))


def test_a_tool_gets_its_own_cookies_and_none_of_ours():
    cookie = b"runyard_session=s; _xsrf=a; runyard_tool=t; theme=dark;  runyard_csrf = c"
    assert sent((b"cookie", cookie))[b"cookie"] == b"_xsrf=a; theme=dark"
    assert b"cookie" not in sent((b"cookie", b"runyard_session=s"))


@pytest.mark.parametrize(
    "name",
    b"authorization proxy-authorization x-forwarded-for impersonate-user x-remote-user "
    b"impersonate-extra-scopes upgrade te transfer-encoding keep-alive forwarded".split(),
)
def test_what_lets_in_or_is_for_one_hop_does_not_pass(name):
    assert name not in sent((name, b"x"))


def test_connection_takes_away_what_it_names_but_nothing_that_we_say():
    headers = sent(
        (b"connection", b"X-Secret, Authorization, X-Forwarded-Host"), (b"x-secret", b"1"), (b"x-ok", b"2")
    )
    assert b"x-secret" not in headers
    assert headers[b"x-ok"] == b"2"
    assert headers[b"x-forwarded-host"] == b"w1-x.localhost"


def test_the_host_that_the_browser_sees_is_passed_on_and_not_the_one_it_sent():
    assert sent((b"host", b"evil.example"))[b"host"] == b"w1-x.localhost"


def test_a_tool_sets_cookies_for_its_own_host_alone_and_none_of_ours():
    answered = from_tool(
        [
            (b"Set-Cookie", b"a=1; Domain=.localhost; Path=/; HttpOnly"),
            (b"Set-Cookie", b"__Host-runyard_tool=stolen; Path=/"),
            (b"set-cookie", b"runyard_session=stolen"),
        ],
        PREFIX,
    )
    assert answered == [(b"set-cookie", b"a=1; Path=/; HttpOnly")]


def test_a_cookie_may_be_called_like_an_attribute():
    assert from_tool([(b"set-cookie", b"domain_id=5; domain =x; Path=/")], PREFIX) == [
        (b"set-cookie", b"domain_id=5; Path=/")
    ]


def test_a_tool_cannot_bind_the_browser_to_anything_beyond_its_answer():
    names = [
        b"Strict-Transport-Security",
        b"Alt-Svc",
        b"Clear-Site-Data",
        b"Transfer-Encoding",
        b"Connection",
    ]
    assert from_tool([(name, b"x") for name in names], PREFIX) == []


@pytest.mark.parametrize("value", [b"a\x01b", b"a\x7fb", b"a\rb"])
def test_a_header_with_control_characters_does_not_pass(value):
    assert from_tool([(b"X", value), (b"Y", b"a\tb")], PREFIX) == [(b"y", b"a\tb")]


@pytest.mark.parametrize(
    ("location", "ours"),
    [
        (PREFIX + "/lab?x=1", "/lab?x=1"),
        (PREFIX, "/"),
        ("https://api.example:6443" + PREFIX + "/tree", "/tree"),
        ("/lab", "/lab"),
        ("https://elsewhere.example/lab", "https://elsewhere.example/lab"),
    ],
)
def test_a_redirect_leads_to_the_tools_own_host(location, ours):
    assert unprefixed(location.encode(), PREFIX) == ours.encode()
