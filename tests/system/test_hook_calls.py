"""One call of a hook against servers of all sorts: it ends in time, and goes nowhere else."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.receivers import Receiver, make_certificate, receiving
from tidegate.errors import CallFailed, CallRefused
from tidegate.notifier.calling import call


def called(url: str, *, wait_s: float = 20.0, public_only: bool = False) -> int:
    """Call with a small body."""
    return call(url, b"{}", {"Content-Type": "application/json"}, wait_s=wait_s, public_only=public_only)


def reason(url: str, **options: Any) -> tuple[str, int | None]:
    """Call in vain, and return the words and the status."""
    with pytest.raises(CallFailed) as failed:
        called(url, **options)
    assert "topsecret" not in str(failed.value)
    return str(failed.value), failed.value.http_status


@contextlib.contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does with its one connection what a test likes."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/x?key=topsecret"
    finally:
        listening.close()
        thread.join(20)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_success_is_a_delivery(status: int, exercised: Callable[[str], None]) -> None:
    """From 200 to 299; the body came as it was sent. (N15)"""
    exercised("hooks: http receivers")
    with receiving(Receiver(lambda _: status)) as receiver:
        assert status == called(receiver.url)
    (got,) = receiver.received
    assert ("/loads?key=topsecret", b"{}", f"localhost:{receiver.port}") == (
        got.path,
        got.body,
        got.headers["Host"],
    )


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 410, 429, 500, 503])
def test_anything_else_is_none(status: int) -> None:
    """Redirects are not followed. (N15)"""
    with receiving(Receiver(lambda _: status)) as receiver:
        words, told = reason(receiver.url)
    assert (status, f"localhost answered with status {status}", 1) == (
        told,
        words.partition(";")[0],
        len(receiver.received),
    )


def test_a_receiver_that_is_not_there_is_said_so() -> None:
    """In the words of the system, without the path. (N4)"""
    with socket.socket() as nobody:  # has the port, so that no one else gets it, and does not listen
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        assert ("127.0.0.1 cannot be reached: Connection refused", None) == reason(
            f"http://127.0.0.1:{port}/topsecret"
        )


def test_a_name_that_nobody_has_is_said_so() -> None:
    """Reserved names have no address; one that cannot be a name is no crash. (N4)"""
    assert "nobody.invalid cannot be looked up" in reason("http://nobody.invalid/topsecret")[0]
    long = "x" * 70 + ".example"
    assert f"{long} cannot be looked up" in reason(f"http://{long}/topsecret")[0]


def silent(connection: socket.socket) -> None:
    """Read, and never answer."""
    while connection.recv(1_000):
        pass


def dripping(connection: socket.socket) -> None:
    """Send one byte of a head now and then, for ever."""
    drops = threading.Event()
    with contextlib.suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not drops.wait(0.02):
            connection.sendall(b"x")


def continuing(connection: socket.socket) -> None:
    """Announce an answer for ever."""
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


@pytest.mark.parametrize("answer", [silent, dripping, continuing])
def test_a_call_ends_in_time_however_the_receiver_answers(answer: Callable[[socket.socket], None]) -> None:
    """A time-out of a socket alone would wait for the next byte for ever. (N15)"""
    # Too many announcements end a call by themselves, not its time.
    wait_s = 60.0 if answer is continuing else 0.5
    with answering(answer) as url:
        begun = time.monotonic()
        words, status = reason(url, wait_s=wait_s)
        assert time.monotonic() - begun < 15
    told = "does not answer as HTTP wants it" if answer is continuing else "did not answer within 0.5 s"
    assert (f"127.0.0.1 {told}", None) == (words, status)


@pytest.mark.parametrize(
    "answer",
    [b"", b"\r\n\r\n", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000],
)
def test_what_is_no_http_is_no_delivery(answer: bytes) -> None:
    """Nor is a head without end read to it. (N15)"""

    def send(connection: socket.socket) -> None:
        connection.recv(10_000)
        with contextlib.suppress(OSError):
            connection.sendall(answer)

    with answering(send) as url:
        words, status = reason(url)
    assert ("127.0.0.1 ", None) == (words[:10], status)


def test_a_large_answer_is_not_read() -> None:
    """Its head is enough. (N15)"""
    sent: list[int] = []

    def send(connection: socket.socket) -> None:
        connection.recv(10_000)
        with contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while True:
                sent.append(connection.send(b"x" * 100_000))

    with answering(send) as url:
        assert 200 == called(url)
    assert sum(sent) < 100_000_000


# --- TLS ---------------------------------------------------------------------------------------------------


def test_a_certificate_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exercised: Callable[[str], None]
) -> None:
    """One that vouches for itself is taken only when the machine trusts it. (N17)"""
    exercised("hooks: https receivers")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    certificate = make_certificate(tmp_path)
    with receiving(Receiver(), certificate=certificate) as receiver:
        assert "localhost has a certificate that cannot be trusted" in reason(receiver.url)[0]
        assert [] == receiver.received
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert 200 == called(receiver.url)
    assert 1 == len(receiver.received)


def test_a_certificate_for_another_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trusted or not. (N17)"""
    certificate = make_certificate(tmp_path, name="other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiving(Receiver(), certificate=certificate) as receiver:
        assert "localhost has a certificate that cannot be trusted" in reason(receiver.url)[0]
    assert [] == receiver.received


def test_a_handshake_that_never_ends_is_cut() -> None:
    """The time holds for all of a call. (N15)"""
    with answering(silent) as url:
        assert "did not answer within 0.5 s" in reason(url.replace("http:", "https:"), wait_s=0.5)[0]


def test_plain_http_behind_https_is_said_so() -> None:
    """A common mistake of receivers. (N17)"""
    with receiving(Receiver()) as receiver:
        url = receiver.url.replace("http:", "https:")
        assert "localhost does not speak TLS as it should" in reason(url)[0]


# --- Where calls go ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0"]
)
def test_this_machine_is_not_called_unless_allowed(host: str) -> None:
    """However its address is written. (N16)"""
    with receiving(Receiver()) as receiver, pytest.raises(CallRefused, match="not public"):
        called(f"http://{host}:{receiver.port}/", public_only=True)
    assert [] == receiver.received


def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers otherwise the next time it is asked leads nowhere else. (N16)"""
    asked: list[str] = []
    real = socket.getaddrinfo

    def changing(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        asked.append(str(host))
        return real("127.0.0.1" if len(asked) == 1 else "192.0.2.1", port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    with receiving(Receiver()) as receiver:
        assert 200 == called(f"http://rebinding.example:{receiver.port}/")
    assert (["rebinding.example"], f"rebinding.example:{receiver.port}") == (
        asked,
        receiver.received[0].headers["Host"],
    )


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be chance which of its addresses is called. (N16)"""

    def two(_host: str, port: int, **_options: Any) -> Any:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("1.1.1.1", port)), (*kind, ("10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    with pytest.raises(CallRefused) as refused:
        called("https://both.example/topsecret", public_only=True)
    assert ("10.0.0.1" in str(refused.value), "topsecret" in str(refused.value)) == (False, False)


def test_the_first_address_that_answers_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with several is reached while one of them is up. (N15)"""
    with receiving(Receiver()) as receiver, socket.create_server(("127.0.0.2", 0)) as other:
        other.close()

        def two(_host: str, port: int, **_options: Any) -> Any:
            kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kind, ("127.0.0.2", port)), (*kind, ("127.0.0.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", two)
        assert 200 == called(f"http://several.example:{receiver.port}/")


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would look the name up themselves. (N16)"""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with receiving(Receiver()) as receiver:
        assert 200 == called(receiver.url)


def test_contexts_of_tls_are_the_verifying_ones() -> None:
    """What the library promises, and we rely on. (N17)"""
    context = ssl.create_default_context()
    assert (True, ssl.CERT_REQUIRED) == (context.check_hostname, context.verify_mode)
