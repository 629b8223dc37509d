"""PostgreSQL destinations over TLS, verified against a certificate that the form was given."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.conformance.postgres_server import address
from tests.connect.caller import Caller
from tests.receivers import make_certificate
from tidegate.destinations import connect, form_of

SSL_REQUEST = bytes([0, 0, 0, 8, 4, 210, 22, 47])
"""What a PostgreSQL client sends first, to ask for TLS."""

BEGIN = "-----BEGIN CERTIFICATE-----"


def certificate_of(path: Path) -> str:
    """Return the certificate of a file that has a key too."""
    return BEGIN + path.read_text().partition(BEGIN)[2]


class TlsInFront(socketserver.ThreadingTCPServer):
    """Speaks TLS the way PostgreSQL does, in front of a server without: not every build has it."""

    daemon_threads = True

    def __init__(self, certificate: Path, behind: int) -> None:
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate)
        self.behind = behind
        super().__init__(("127.0.0.1", 0), _Conversation)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that do not believe us hang up."""


class _Conversation(socketserver.BaseRequestHandler):
    server: TlsInFront

    def handle(self) -> None:
        assert SSL_REQUEST == self.request.recv(8)
        self.request.sendall(b"S")
        with (
            self.server.tls.wrap_socket(self.request, server_side=True) as client,
            socket.create_connection(("127.0.0.1", self.server.behind)) as behind,
        ):
            back = threading.Thread(target=_pass_on, args=(behind, client), daemon=True)
            back.start()
            _pass_on(client, behind)
            with contextlib.suppress(OSError):
                behind.shutdown(socket.SHUT_WR)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Until either side hangs up, in whatever way."""
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)


@pytest.fixture
def server(tmp_path: Path, exercised: Callable[[str], None]) -> Iterator[tuple[str, str]]:
    """A server with TLS. Shape: -> the address of a database there, the server's certificate."""
    made = make_certificate(tmp_path)
    place = urlsplit("postgresql://" + address(tmp_path))
    with TlsInFront(made, place.port or 5432) as front:
        threading.Thread(target=front.serve_forever, args=(0.05,)).start()
        exercised("Connect API: PostgreSQL with TLS")
        yield (
            place._replace(netloc=place.netloc.rpartition(":")[0] + f":{front.server_address[1]}")
            .geturl()
            .partition("://")[2],
            certificate_of(made),
        )
        front.shutdown()


def properties(database: str, **more: Any) -> dict[str, Any]:
    """Return the form's properties for a database."""
    place = urlsplit("postgresql://" + database)
    return {
        "host": "localhost",
        "port": place.port,
        "database": place.path[1:],
        "username": place.username,
        "password": unquote(place.password or ""),
        "ssl": True,
        **more,
    }


def test_a_server_is_verified_against_the_certificate(
    caller: Caller, server: tuple[str, str], tmp_path: Path
) -> None:
    """It is believed with its own certificate, and neither with another one nor under another name. (A39)"""
    database, right = server
    (tmp_path / "other").mkdir()
    wrong = certificate_of(make_certificate(tmp_path / "other"))
    body: dict[str, Any] = {"type": "postgres", "properties": properties(database, sslrootcert=wrong)}
    refused = caller.call("POST", "/v4/destinations", body)
    assert (400, "ConnectionFailed") == (refused.status_code, refused.json()["error"])
    body["properties"]["sslrootcert"] = right
    one = caller.ok("POST", "/v4/destinations", body)
    assert ("true", right) == (one["properties"]["ssl"], one["properties"]["sslrootcert"])
    path = f"/v4/destinations/{one['id']}"
    for change in ({"sslrootcert": wrong}, {"sslrootcert": ""}, {"host": "127.0.0.2"}):
        again = caller.call("PUT", path, {"properties": change})
        assert ["password"] == again.json()["data"]["bad_properties"]
    password = body["properties"]["password"]
    plain = caller.ok("PUT", path, {"properties": {"sslrootcert": "", "password": password}})
    assert "sslrootcert" not in plain["properties"]


@pytest.mark.parametrize(
    "text", ["no certificate", BEGIN, f"{BEGIN}\n?\n-----END CERTIFICATE-----", "/etc/passwd"]
)
def test_what_is_no_certificate_is_refused(caller: Caller, text: str) -> None:
    """Nor is it taken for the name of a file on the server. (A39)"""
    given = properties("u:p@127.0.0.1:1/db", sslrootcert=text)
    answer = caller.call("POST", "/v4/destinations", {"type": "postgres", "properties": given})
    assert ["sslrootcert"] == answer.json()["data"]["bad_properties"]


def test_a_certificate_is_in_a_file_of_its_owner_alone(tmp_path: Path) -> None:
    """Libpq takes the name of a file; the address keeps the certificate itself. (A39)"""
    text = certificate_of(make_certificate(tmp_path))
    form = form_of("postgresql://")
    assert form is not None
    url = form.address(
        {key: str(value) for key, value in properties("u:p@h:1/db", sslrootcert=text).items()}
        | {"ssl": "true"},
        None,
        tmp_path,
    )
    assert text == form.read(url)["sslrootcert"]
    assert "sslmode=verify-full" in url
    warehouse: Any = connect(url)
    uri = warehouse._address.uri
    file = Path(unquote(uri.partition("sslrootcert=")[2].partition("&")[0]))
    assert (text, 0o600) == (file.read_text(), file.stat().st_mode & 0o777)
