"""One call of a hook: a POST that goes where it was looked at, and ends in time whatever is answered."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, urlsplit

from tidegate.errors import CallFailed
from tidegate.notifier.addresses import Place, places

PORTS = {"https": 443, "http": 80}
ADDRESSES_TRIED_MAX = 3

HEAD_BYTES_MAX = 65_536
"""More than servers send as a head, interim answers (100 Continue) included."""

CHUNK_BYTES = 65_536

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?:[ \r\n]|$)")


def call(url: str, body: bytes, headers: Mapping[str, str], *, wait_s: float, public_only: bool) -> int:
    """
    POST a body and return the status of success, 200 to 299.

    Only the head of the answer is read. `wait_s` bounds the whole call but the look-up of the name: each step
    is given what is left of the time, since a receiver may send a byte now and then. (HTTP libraries count
    from byte to byte, which is why this is none.)
    Errors: CallFailed, CallRefused; neither repeats the address but its host.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or PORTS[parts.scheme]
    found = places(host, port, public_only=public_only)
    line = _Line(host, wait_s)
    try:
        line.connect(found, port)
        if parts.scheme == "https":
            line.encrypt()
        line.send(_request(parts, body, headers))
        status = line.status()
    except TimeoutError as exc:
        raise _late(host, wait_s) from exc
    except OSError as exc:
        raise CallFailed(f"{host} {_reason(exc)}") from exc
    finally:
        line.close()
    if not 200 <= status < 300:
        redirect = "; redirects are not followed" if 300 <= status < 400 else ""
        raise CallFailed(f"{host} answered with status {status}{redirect}", http_status=status)
    return status


def _late(host: str, wait_s: float) -> CallFailed:
    """Return what a call fails with when its time is over."""
    return CallFailed(f"{host} did not answer within {wait_s:g} s")


class _Line:
    """A connection for one call, until its time is over. Errors: CallFailed when it is, OSError."""

    def __init__(self, host: str, wait_s: float) -> None:
        self._host = host
        self._wait_s = wait_s
        self._end_s = time.monotonic() + wait_s
        self._open: socket.socket | None = None

    @property
    def _socket(self) -> socket.socket:
        """The connection, told how much time is left."""
        left_s = self._end_s - time.monotonic()
        if left_s <= 0 or self._open is None:
            raise _late(self._host, self._wait_s)
        self._open.settimeout(left_s)
        return self._open

    def connect(self, found: Sequence[Place], port: int) -> None:
        """Connect to the first address that takes us."""
        last = OSError("no address")
        for family, address in found[:ADDRESSES_TRIED_MAX]:
            self.close()
            self._open = socket.socket(family, socket.SOCK_STREAM)
            try:
                self._socket.connect((address, port))
            except OSError as exc:
                last = exc
            else:
                return
        raise last

    def encrypt(self) -> None:
        """Speak TLS from here on, with whom the host's certificate names."""
        context = ssl.create_default_context()
        self._open = context.wrap_socket(
            self._socket, server_hostname=self._host, do_handshake_on_connect=False
        )
        self._open.do_handshake()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        view = memoryview(data)
        while view:
            view = view[self._socket.send(view[:CHUNK_BYTES]) :]

    def status(self) -> int:
        """Read the head of the answer and return its status. Errors: CallFailed when it is none."""
        received, seen = b"", 0
        while seen <= HEAD_BYTES_MAX:
            head = _HEAD_END.search(received)
            if head is None:
                chunk = self._socket.recv(CHUNK_BYTES)
                if not chunk:
                    raise CallFailed(f"{self._host} hung up without an answer")
                received, seen = received + chunk, seen + len(chunk)
                continue
            status = _STATUS.match(received)
            if status is None:
                break
            if status[1][:1] != b"1":
                return int(status[1])
            received = received[head.end() :]  # an interim answer: the real one follows
        raise CallFailed(f"{self._host} does not answer as HTTP wants it")

    def close(self) -> None:
        """Hang up. Safe to repeat."""
        if self._open is not None:
            self._open.close()


def _request(parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Shape: a URL that `hooks.check_url` let pass, so printable ASCII without spaces -> what is sent."""
    target = parts.path or "/"
    lines = [
        f"POST {target}?{parts.query} HTTP/1.1" if parts.query else f"POST {target} HTTP/1.1",
        f"Host: {parts.netloc}",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _reason(exc: OSError) -> str:
    """Say what went wrong, in words that are the same each time."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"has a certificate that cannot be trusted: {exc.verify_message}"
    if isinstance(exc, ssl.SSLError):
        return f"does not speak TLS as it should: {exc.reason or 'the handshake failed'}"
    return f"cannot be reached: {exc.strerror or type(exc).__name__}"
