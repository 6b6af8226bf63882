"""Which networks of pods may be named, and which addresses lie in them."""

import pytest

from runyard.clusters.networks import EMBEDDED, checked, holds


@pytest.mark.parametrize("text", ["", "10.244.0.0/16", " 10.0.0.0/8 , fd12::/48", EMBEDDED, "100.64.0.0/10"])
def test_networks_of_pods_are_kept(text):
    assert checked(text) == text.replace(" ", "")


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0/0",
        "::/0",
        "127.0.0.0/8",
        "127.0.0.1",
        "127.64.0.0/11",
        "169.254.169.254/32",
        "169.0.0.0/8",
        "224.0.0.0/4",
        "fe80::/10",
        "fd00:ec2::254/128",
        "::ffff:127.0.0.1/128",
        "10.244.0.0/16,127.0.0.1",
    ],
)
def test_a_network_that_leads_elsewhere_is_refused(text):
    with pytest.raises(ValueError, match="overlaps"):
        checked(text)


@pytest.mark.parametrize("text", ["pods", "10.244.0.1/16", "10.244.0.0/33", "http://10.0.0.1"])
def test_what_is_no_network_is_named(text):
    with pytest.raises(ValueError, match="is no network"):
        checked(text)


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.244.3.4", True),
        ("fd12::1", True),
        ("10.245.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("", False),
        ("evil.example.com", False),
        ("::ffff:10.244.3.4", False),
    ],
)
def test_an_address_is_believed_within_them_alone(address, inside):
    assert holds("10.244.0.0/16,fd12::/48", address) is inside


def test_without_networks_no_address_is_believed():
    assert not holds("", "10.244.3.4")
