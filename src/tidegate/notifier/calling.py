"""One call of a hook: a POST that goes where it was looked at, and ends in time whatever is answered."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from tidegate.errors import CallFailed
from tidegate.notifier.addresses import Place, places

PORTS = {"https": 443, "http": 80}
ADDRESSES_TRIED_MAX = 3


def call(url: str, body: bytes, headers: Mapping[str, str], *, wait_s: float, public_only: bool) -> int:
    """
    POST a body and return the status of success, 200 to 299.

    Only the head of the answer is read. `wait_s` bounds the whole call but the look-up of the name: time-outs
    of sockets count from byte to byte, and a receiver may send one now and then.
    Errors: CallFailed, CallRefused; neither repeats the address but its host.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or PORTS[parts.scheme]
    found = places(host, port, public_only=public_only)
    line = _Line(wait_s)
    try:
        line.connect(found, port)
        if parts.scheme == "https":
            line.encrypt(host)
        status = _answer(line, host, port, _target(parts.path, parts.query), body, headers)
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise CallFailed(_reason(exc, host, line)) from exc
    finally:
        line.close()
    if not 200 <= status < 300:
        redirect = "; redirects are not followed" if 300 <= status < 400 else ""
        raise CallFailed(f"{host} answered with status {status}{redirect}", http_status=status)
    return status


class _Line:
    """A connection that is cut when its time is over."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s
        self.expired = False
        self._end_s = time.monotonic() + wait_s
        self.socket: socket.socket | None = None
        self._timer = threading.Timer(wait_s, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def connect(self, found: Sequence[Place], port: int) -> None:
        """Connect to the first address that takes us."""
        last = OSError("no address")
        for family, address in found[:ADDRESSES_TRIED_MAX]:
            self.socket = socket.socket(family, socket.SOCK_STREAM)
            self.socket.settimeout(max(0.01, self._end_s - time.monotonic()))
            try:
                self.socket.connect((address, port))
            except OSError as exc:
                self.socket.close()
                last = exc
            else:
                return
        raise last

    def encrypt(self, host: str) -> None:
        """Speak TLS from here on, with whom the host's certificate names."""
        assert self.socket is not None  # noqa: S101 - tells the type checker what `connect` did
        context = ssl.create_default_context()
        self.socket = context.wrap_socket(self.socket, server_hostname=host, do_handshake_on_connect=False)
        self.socket.do_handshake()

    def close(self) -> None:
        """Hang up. Safe to repeat."""
        self._timer.cancel()
        if self.socket is not None:
            self.socket.close()

    def _cut(self) -> None:
        self.expired = True
        if self.socket is not None:
            with contextlib.suppress(OSError):
                # That of plain sockets: that of encrypted ones takes from a reader what it reads with.
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


def _answer(line: _Line, host: str, port: int, target: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send the request and return the status of the answer."""
    is_encrypted = isinstance(line.socket, ssl.SSLSocket)
    kind = http.client.HTTPSConnection if is_encrypted else http.client.HTTPConnection
    connection = kind(host, port)
    connection.sock = line.socket
    connection.request("POST", target, body, {**headers, "Connection": "close"})
    with _first_answer(connection) as answer:
        return answer.status


@contextlib.contextmanager
def _first_answer(connection: http.client.HTTPConnection) -> Iterator[http.client.HTTPResponse]:
    answer = connection.getresponse()
    try:
        yield answer
    finally:
        answer.close()


def _target(path: str, query: str) -> str:
    return f"{path or '/'}?{query}" if query else path or "/"


def _reason(exc: Exception, host: str, line: _Line) -> str:
    """Say what went wrong, in words that are the same each time."""
    if line.expired or isinstance(exc, TimeoutError):
        return f"{host} did not answer within {line.wait_s:g} s"
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"{host} has a certificate that cannot be trusted: {exc.verify_message}"
    if isinstance(exc, ssl.SSLError):
        return f"{host} does not speak TLS as it should: {exc.reason or 'the handshake failed'}"
    if isinstance(exc, OSError):
        return f"{host} cannot be reached: {exc.strerror or type(exc).__name__}"
    return f"{host} does not answer as HTTP wants it: {type(exc).__name__}"
