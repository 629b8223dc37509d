"""Receivers of hooks and mail for tests: real servers in this process that keep what they got."""

from __future__ import annotations

import datetime as dt
import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.waiting import wait_until


@dataclass(frozen=True)
class Received:
    """One request that a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """
    An HTTP server on a free port of this machine. `answers` says the status of request number i, from 0.

    Shape: `held` lets answers wait until it is set.
    """

    answers: Callable[[int], int] = lambda _number: 200
    received: list[Received] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    scheme: str = "http"

    def __post_init__(self) -> None:
        self.held.set()

    @property
    def url(self) -> str:
        """Where to call it."""
        return f"{self.scheme}://localhost:{self.port}/loads?key=topsecret"


@contextmanager
def receiving(receiver: Receiver, *, certificate: Path | None = None, port: int = 0) -> Iterator[Receiver]:
    """Run a receiver, with a certificate by https; on a free port unless one is named."""
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                number = len(receiver.received)
                receiver.received.append(Received(self.path, dict(self.headers), body))
            receiver.held.wait(60)
            self.send_response(receiver.answers(number))
            self.send_header("Location", f"http://localhost:{receiver.port}/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's signature
            """Say nothing."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing: callers that hang up are part of the tests."""

    server = Server(("127.0.0.1", port), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        receiver.scheme = "https"
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.held.set()
        server.shutdown()
        thread.join()
        server.server_close()


def make_certificate(folder: Path, *, name: str = "localhost") -> Path:
    """Write a key with a certificate that vouches for itself and for a name of this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@dataclass
class Mailbox:
    """A mail server on a port of this machine. `refusals` are answers to give first, such as `451 later`."""

    mails: list[Message] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    port: int = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail, or refuse it."""
        if self.refusals:
            return self.refusals.pop(0)
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        self.recipients.extend(envelope.rcpt_tos)
        return "250 OK"


@contextmanager
def mail_server(mailbox: Mailbox, *, certificate: Path | None = None, **options: Any) -> Iterator[Mailbox]:
    """Run a mail server; with a certificate it offers STARTTLS and asks for a password."""
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        options |= {"tls_context": context, "require_starttls": True}
    sessions: list[SMTP] = []

    class Server(Controller):
        def factory(self) -> SMTP:
            sessions.append(super().factory())  # type: ignore[no-untyped-call]  # no types there
            return sessions[-1]

    controller = Server(
        mailbox, hostname="127.0.0.1", port=mailbox.port or _free_port(), ready_timeout=60, **options
    )
    mailbox.port = controller.port
    try:
        controller.start()
        yield mailbox
        # A mail is there before its sender has hung up; cut off in between, STARTTLS leaves a socket open.
        hung_up = "the senders' hanging up"
        wait_until(lambda: all(each.transport is None for each in sessions), within_s=60, what=hung_up)
    finally:
        controller.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
