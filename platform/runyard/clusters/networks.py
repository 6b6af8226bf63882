"""Networks of pods that Runyard reaches by itself, as `Cluster.pod_network` holds them. Pure.

What a pod's status calls its address is believed within these alone, so a network that could lead elsewhere,
to this machine or to what clouds serve at link-local addresses, is refused where it is set.
"""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
#: Where the embedded cluster gives its pods addresses: of this machine, but of nothing else on it.
EMBEDDED = "127.64.0.0/10"
_NEVER = [
    *map(ip_network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")),
    *map(ip_network, ("::/127", "::ffff:0:0/96", "64:ff9b::/96", "fd00:ec2::/32", "fe80::/10", "ff00::/8")),
]


def checked(text: str) -> str:
    """`text` as it is kept. Raises ValueError, in words, for what is no list of networks of pods."""
    for word in _words(text):
        try:
            network = ip_network(word)
        except ValueError:
            raise ValueError(f"{word!r} is no network, such as 10.244.0.0/16.") from None
        never = [one for one in _NEVER if one.version == network.version and one.overlaps(network)]
        if never and word != EMBEDDED:
            raise ValueError(f"{word} overlaps {never[0]}, which holds no pods; name the pods' own network.")
    return ",".join(_words(text))


def holds(networks: str, address: str) -> bool:
    """Whether `address` lies in one of the checked `networks`; False for what is no address."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in ip_network(word) for word in _words(networks))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
