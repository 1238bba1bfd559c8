"""The address guard: spellings, ranges, and that an allow-list opens exactly what it says."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.http.address import BadTarget, parse_target, permitted, public

NEVER = [
    "0.0.0.0", "169.254.169.254", "224.0.0.1", "255.255.255.255", "240.0.0.1", "100.100.100.200", "168.63.129.16",
    "192.0.0.192", "::", "fe80::1", "fec0::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254",
    "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
]  # fmt: skip
INSIDE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "192.0.2.1", "192.88.99.1",
    "::1", "fd12::1", "::ffff:127.0.0.1", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::1",
    "2001:db8::1", "2001::1", "3fff::1", "5f00::1", "::ffff:0:7f00:1",
]  # fmt: skip
OUTSIDE = ["8.8.8.8", "1.1.1.1", "223.5.5.5", "2400:3200::1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("text", NEVER)
def test_never_even_when_allowed(text: str) -> None:
    everything = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    assert not permitted(ip_address(text), everything, tls=True)


@pytest.mark.parametrize("text", INSIDE)
def test_inside_only_when_allowed(text: str) -> None:
    address = ip_address(text)
    assert not public(address)
    assert not permitted(address, [], tls=True)
    assert permitted(address, [ip_network("0.0.0.0/0"), ip_network("::/0")], tls=False)


@pytest.mark.parametrize("text", OUTSIDE)
def test_outside_over_tls_only(text: str) -> None:
    assert permitted(ip_address(text), [], tls=True)
    assert not permitted(ip_address(text), [], tls=False)


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_the_same_in_every_dress(number: int) -> None:
    plain, mapped = IPv4Address(number), IPv6Address(0xFFFF << 32 | number)
    translated = IPv6Address(0x64FF9B << 96 | number)
    for tls in (True, False):
        assert permitted(plain, [], tls=tls) == permitted(mapped, [], tls=tls) == permitted(translated, [], tls=tls)
    assert permitted(mapped, [ip_network((number, 32))], tls=False) == permitted(
        plain, [ip_network((number, 32))], tls=False
    )


@given(st.ip_addresses(), st.ip_addresses(network="192.168.7.0/24"))
def test_an_allow_list_opens_only_itself(other: IPv4Address | IPv6Address, mine: IPv4Address) -> None:
    allow = [ip_network("192.168.7.0/24")]
    assert permitted(mine, allow, tls=False)
    meant = (other.ipv4_mapped if isinstance(other, IPv6Address) else None) or other
    assert permitted(other, allow, tls=False) == (meant.version == 4 and meant in allow[0])


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://2130706433/", "address"),
        ("http://0x7f.1/", "address"),
        ("http://017700000001/", "address"),
        ("http://127.1/", "address"),
        ("http://0x7f000001/", "address"),
        ("http://192.168.010.1/", "address"),
        ("http://a.0x/", "address"),
        ("http://[fe80::1%25eth0]/", "address"),
        ("http://[v1.x]/", "address"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://x/", "scheme"),
        ("//x/", "scheme"),
        ("x", "scheme"),
        ("https://user:pw@oa.example/", "userinfo"),
        ("https://@oa.example/", "userinfo"),
        ("https://oa.example/#x", "fragment"),
        ("https://oa.example/#", "fragment"),
        ("https://oa.example/a\r\nX: y", "characters"),
        ("https://oa.example/a b", "characters"),
        ("https://１２７.0.0.1/", "characters"),
        ("https://例子.cn/", "characters"),
        ("https://oa.example\\@x/", "characters"),
        ("https://%31%32%37.0.0.1/", "host"),
        ("https://-x-.example/", "host"),
        ("https://a..b/", "host"),
        ("https://" + "a" * 64 + ".example/", "host"),
        ("https:///x", "shape"),
        ("https://oa.example:99999/", "shape"),
        ("https://oa.example:0/", "shape"),
        ("https://oa.example:x/", "shape"),
    ],
)
def test_urls_that_are_refused(url: str, reason: str) -> None:
    with pytest.raises(BadTarget) as caught:
        parse_target(url)
    assert caught.value.reason == reason


def test_urls_that_are_taken() -> None:
    target = parse_target("https://oa.example.com/hooks?key=1")
    assert (target.host, target.port, target.tls, target.address) == ("oa.example.com", 443, True, None)
    target = parse_target("http://192.168.1.20:8080/x")
    assert (target.port, target.tls, target.address) == (8080, False, ip_address("192.168.1.20"))
    assert parse_target("https://[fd00::20]/").address == ip_address("fd00::20")


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_a_bad_one(text: str) -> None:
    for url in (text, f"https://{text}/", f"http://x{text}"):
        try:
            target = parse_target(url)
        except BadTarget:
            continue
        assert target.url == url
        assert "@" not in target.url.split("/")[2]
