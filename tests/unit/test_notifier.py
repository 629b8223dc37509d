"""What the notifier decides without asking anybody: which addresses are public, and how calls are signed."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import SettingInvalid
from tidegate.notifier.addresses import is_public
from tidegate.notifier.mail_settings import MailServer, check_mail_settings, mail_server
from tidegate.notifier.signing import signature
from tidegate.settings import Settings


@pytest.mark.parametrize(
    "address",
    """
    127.0.0.1 127.9.9.9 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1
    192.0.2.1 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255
    :: ::1 fe80::1 fe80::1%eth0 fc00::1 fd12::1 ff02::1 2001:db8::1
    ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2002:a00:1::
    2001:0:4136:e378:8000:63bf:80ff:fffe
    """.split(),  # noqa: SIM905 - forty quotes would hide the addresses
)
def test_what_is_not_public_is_not_called(address: str) -> None:
    """This machine, private networks, cloud metadata, and what hides them in IPv6. (N16)"""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_what_is_public_is_called(address: str) -> None:
    """Also where a gateway to IPv4 is between. (N16)"""
    assert is_public(address)


@given(st.binary(max_size=200), st.integers(0, 2**40))
def test_a_signature_is_what_a_receiver_computes(body: bytes, at_s: int) -> None:
    """From the header, the body as it came, and the secret alone. (N14)"""
    header = signature("hs_secret", body, at_s)
    told = dict(each.split("=", 1) for each in header.split(","))
    expected = hmac.new(b"hs_secret", told["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert (expected, at_s) == (told["v1"], int(told["t"]))
    assert header != signature("hs_other", body, at_s)
    assert header != signature("hs_secret", body + b" ", at_s)
    assert header.partition(",")[2] != signature("hs_secret", body, at_s + 1).partition(",")[2]


def test_addresses_of_mail_servers_are_read() -> None:
    """The scheme says how TLS begins, and the usual port is taken. (N31)"""
    plain = mail_server("smtp://127.0.0.1:25?tls=none")
    assert MailServer(host="127.0.0.1", port=25, user="", password="", tls="none") == plain
    start = mail_server("smtp://ops%40example.com:p%2Fw@mail.example.com")
    assert ("mail.example.com", 587, "ops@example.com", "p/w", "start") == (
        start.host,
        start.port,
        start.user,
        start.password,
        start.tls,
    )
    always = mail_server("smtps://mail.example.com")
    assert (465, "always") == (always.port, always.tls)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://mail.example.com:port",
        "smtp://mail.example.com?tls=some",
        "smtp://ops:topsecret@mail.example.com?tls=none",
        "smtps://ops:topsecret@mail.example.com:99999",
        "smtps://mail.example.com?tls=none",
    ],
)
def test_what_cannot_send_mail_is_refused_at_the_start(url: str) -> None:
    """A password without TLS too; and no message repeats one. (N31)"""
    with pytest.raises(SettingInvalid) as refused:
        check_mail_settings(Settings(smtp_url=url))
    assert "topsecret" not in str(refused.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"smtp_from": "tidegate"},
        {"smtp_from": "tidegate@"},
        {"smtp_from": "a@b\r\nBcc: c@d"},
        {"mail_subject_prefix": "one\ntwo"},
        {"hook_user_agent": "a\r\nHost: b"},
    ],
    ids=str,
)
def test_what_would_add_headers_is_refused_at_the_start(changed: dict[str, str]) -> None:
    """Senders, prefixes and names of the caller are one printable line. (N13, N33)"""
    with pytest.raises(SettingInvalid):
        check_mail_settings(Settings(**changed))  # type: ignore[arg-type]  # texts all of them
