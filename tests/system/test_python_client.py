"""The Python client against a server on a real port, which answers as each test scripts it."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tidegate.client import Client, Pushed
from tidegate.errors import InputInvalid, PushRefused, ServerUnreachable

Answer = tuple[int, dict[str, str], bytes]

ACCEPTED: Answer = (
    201,
    {"Content-Type": "application/json"},
    b'{"status": "OK", "message": "Batch Accepted!"}',
)
BUSY: Answer = (503, {"Retry-After": "0"}, b'{"message": "Service Unavailable"}')
DROPPED: Answer = (0, {}, b"")
"""The connection is cut after the request was read."""


@dataclass(slots=True)
class Scripted:
    """A server that gives these answers in turn and keeps what it was sent; then it accepts everything."""

    answers: list[Answer] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    base_url: str = ""

    def take(self, path: str, token: str, key: str, body: bytes) -> Answer:
        """Keep one request and return its answer."""
        self.paths.append(path)
        self.tokens.append(token)
        self.keys.append(key)
        self.bodies.append(body)
        return self.answers.pop(0) if self.answers else ACCEPTED


@pytest.fixture
def server() -> Iterator[Scripted]:
    """A scripted server on a free port."""
    scripted = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, content = scripted.take(
                self.path, self.headers["Authorization"], self.headers["Idempotency-Key"], body
            )
            if status == 0:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        scripted.base_url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield scripted
        listening.shutdown()
        thread.join()


def client(server: Scripted, make_token: Callable[[], str] | None = None, **options: Any) -> Client:
    """Return a client of the scripted server."""
    return Client(server.base_url, make_token or "at_x", **options)


@pytest.mark.parametrize("trouble", [BUSY, DROPPED, (500, {}, b""), (502, {}, b"<html>")])
def test_a_failed_request_is_sent_again_byte_for_byte(server: Scripted, trouble: Answer) -> None:
    """5xx and cut connections are retried with the very same bytes and key, sequences included. (W81)"""
    server.answers = [trouble, trouble]
    with client(server) as sending:
        done = sending.batch("cars", [{"id": 1}], key_names=["id"])
    assert (1, 1, 2) == (done.records, done.requests, done.retries)
    assert [server.bodies[0]] * 3 == server.bodies
    assert [server.keys[0]] * 3 == server.keys


def test_every_request_has_a_key_of_its_own(server: Scripted) -> None:
    """No two requests share an idempotency key, not even when they carry the same rows. (W80)"""
    with client(server, records_max=1) as sending:
        sending.batch("cars", [{"id": 1}, {"id": 1}], sequences=[1, 1])
    assert (2, 1) == (len(set(server.keys)), len(set(server.bodies)))
    assert all(re.fullmatch("[0-9a-f]{32}", key) for key in server.keys)


def test_a_refused_request_is_sent_once(server: Scripted) -> None:
    """A 4xx is final; the error has the server's words, the row, and what was accepted before."""
    refusal = b'{"error": "Record 1 did not conform to schema: #/id: expected: Integer, found: String"}'
    server.answers = [ACCEPTED, (400, {}, refusal)]
    with client(server, records_max=2) as sending, pytest.raises(PushRefused) as refused:
        sending.batch("cars", [{"id": index} for index in range(4)], key_names=["id"])
    assert f"{server.base_url}/v2/import/batch refused row 4: 400: Record 1 did not conform" in str(
        refused.value
    )
    assert "the 2 rows before its request were accepted" in str(refused.value)
    assert (3, 2) == (refused.value.row_index, len(server.bodies))


def test_an_answer_of_something_else_is_no_acceptance(server: Scripted) -> None:
    """A login page with status 200 or 201 does not pass for records kept."""
    for status in (200, 201):
        server.answers = [(status, {"Content-Type": "text/html"}, b"<html>Please log in</html>")]
        with client(server) as sending, pytest.raises(PushRefused, match="Please log in"):
            sending.batch("cars", [{"id": 1}])


def test_patience_ends_with_the_last_reason(server: Scripted) -> None:
    """A server that stays away fails the push as unreachable, worth a retry, with what it said last."""
    server.answers = [BUSY] * 1_000
    with (
        client(server, patience_s=0.5) as sending,
        pytest.raises(ServerUnreachable, match="Service Unavailable"),
    ):
        sending.batch("cars", [{"id": 1}])


def test_the_server_decides_how_long_to_stay_away(server: Scripted) -> None:
    """A Retry-After beyond the patience ends the push at once, without another attempt."""
    server.answers = [(503, {"Retry-After": "3600"}, b"")]
    with client(server, patience_s=5) as sending, pytest.raises(ServerUnreachable):
        sending.batch("cars", [{"id": 1}])
    assert 1 == len(server.bodies)


def test_nobody_listening_is_unreachable() -> None:
    """A wrong port is told as such, not as a driver's error."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with (
            Client(url, "at_x", patience_s=0.0) as sending,
            pytest.raises(ServerUnreachable, match="refused"),
        ):
            sending.batch("cars", [{"id": 1}])


def test_an_expired_token_is_made_anew(server: Scripted) -> None:
    """With a maker of tokens a 401 costs one more token and one more attempt, no rows."""
    server.answers = [ACCEPTED, (401, {}, b'{"message": "Not Authorized"}')]
    made = iter(["one", "two"])
    with client(server, lambda: next(made), records_max=1) as sending:
        done = sending.batch("cars", [{"id": 1}, {"id": 2}])
    assert (2, ["Bearer one", "Bearer one", "Bearer two"]) == (done.records, server.tokens)
    assert server.keys[1] == server.keys[2]


def test_a_fixed_token_that_is_refused_is_final(server: Scripted) -> None:
    """Without a maker of tokens a 401 is told as it is."""
    server.answers = [(401, {}, b'{"message": "Not Authorized"}')]
    with client(server) as sending, pytest.raises(PushRefused, match="401: Not Authorized"):
        sending.batch("cars", [{"id": 1}])
    assert 1 == len(server.bodies)


def test_requests_are_sent_in_order_with_growing_sequences(server: Scripted) -> None:
    """Rows arrive in the order given, each sequence greater than the one before."""
    with client(server, records_max=3) as sending:
        totals = [done.records for done in sending.batches("cars", ({"id": index} for index in range(8)))]
        sending.batch("cars", [{"id": 8}])
    sent = [message for body in server.bodies for message in json.loads(body)["messages"]]
    sequences = [each["sequence"] for each in sent]
    assert (list(range(9)), [3, 6, 8]) == ([each["data"]["id"] for each in sent], totals)
    assert sorted(set(sequences)) == sequences


def test_push_and_validate_carry_the_account(server: Scripted) -> None:
    """The two endpoints that name the account do so; without an account the client says what to give."""
    server.answers = [ACCEPTED, (200, {}, b'{"status": "OK", "message": "Batch is valid!"}')]
    with client(server, client_id=7) as sending:
        assert 1 == sending.push("cars", [{"id": 1}], key_names=["id"], sequences=[5]).records
        assert 1 == sending.validate("cars", [{"id": 1}], key_names=["id"], sequences=[5]).records
    assert ["/v2/import/push", "/v2/import/validate"] == server.paths
    assert 7 == json.loads(server.bodies[0])[0]["client_id"]
    with client(server) as sending, pytest.raises(InputInvalid, match="client_id"):
        sending.push("cars", [{"id": 1}], key_names=["id"])


def test_no_rows_ask_nothing(server: Scripted) -> None:
    """An empty push succeeds without a request."""
    with client(server) as sending:
        assert (Pushed(), []) == (sending.batch("cars", []), server.bodies)


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://", "http://x:port", ""])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    """A mistyped base URL is told at once, with an example of a right one."""
    with pytest.raises(InputInvalid, match="give one such as http://"):
        Client(url, "at_x")
