"""Hostile and odd requests against the running server: a documented answer each, while others are served."""

from __future__ import annotations

import gzip
import http.client
import itertools
import json
import re
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import psutil
import pytest
import zstandard

from tests.product import Product

pytestmark = pytest.mark.xdist_group("bad input")
Exercised = Callable[[str], None]
JSON = {"Content-Type": "application/json"}
GIGABYTE = 1_000_000_000
MEMORY_MAX = 400_000_000
"""The budget of one gate process, in bytes. Under attack it must stay within it."""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A started product with a single gate, so that whoever holds it up holds everybody up."""
    running = Product(
        tmp_path_factory.mktemp("bad") / "data",
        flags=("--workers", "1"),
        environ={"TIDEGATE_LOAD_WAIT_S": "0.1", "TIDEGATE_BODY_WAIT_S_MAX": "4"},
    )
    running.start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def document(product: Product) -> dict[str, Any]:
    """What the server says of its own answers."""
    with product.client() as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
    return found


@dataclass(slots=True)
class Bystander:
    """A well-behaved client that pushes one record after another until it is told to stop."""

    statuses: list[int] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, product: Product) -> None:
        """Push; the client's time-out is the bound of how long anybody may be held up."""
        with product.client() as client:
            client.timeout = httpx.Timeout(10)
            for sequence in itertools.count():
                record = product.record("bystander", sequence, {"id": sequence})
                self.statuses.append(client.post("/v2/import/push", json=[record]).status_code)
                if self.stop.is_set():
                    return


@contextmanager
def others_are_served(product: Product) -> Iterator[None]:
    """Hold that another client gets its 201 all the time, and that the gate's memory stays in bounds."""
    bystander = Bystander()
    thread = threading.Thread(target=bystander.run, args=(product,))
    forget_peak(gate(product))
    thread.start()
    try:
        yield
    finally:
        bystander.stop.set()
        thread.join()
    assert {201} == set(bystander.statuses)
    assert peak_bytes(gate(product)) < MEMORY_MAX


def gate(product: Product) -> psutil.Process:
    """Return the one gate process."""
    return product.processes("gate")[0]


def forget_peak(process: psutil.Process) -> None:
    """Let the kernel measure the process's greatest size anew."""
    Path(f"/proc/{process.pid}/clear_refs").write_text("5", encoding="ascii")


def peak_bytes(process: psutil.Process) -> int:
    """Return the most memory the process had since then."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1_000


def assert_documented(document: dict[str, Any], path: str, answer: httpx.Response) -> None:
    """Hold that the answer's status, type and body stand in the document. (W12 to W17)"""
    responses = document["paths"][path]["post"]["responses"]
    content = responses[str(answer.status_code)]["content"]
    described = content[answer.headers["content-type"]]["schema"]
    is_json = answer.headers["content-type"] == "application/json"
    assert jsonschema_rs.is_valid(described, answer.json() if is_json else answer.text), answer.text


# --- Bodies ------------------------------------------------------------------------------------------------


def nested(levels: int, *, closed: bool) -> bytes:
    """Return a push body with objects inside each other."""
    return push_body(
        b'{"id": 1, "a": ' + b'{"a": ' * levels + b"1" + (b"}" * levels if closed else b"") + b"}"
    )


def push_body(data: bytes, *, table_name: bytes = b'"bad"', count: int = 1) -> bytes:
    """Return a push body with this text as `data` in every record; CLIENT becomes the client id."""
    head = b'{"client_id": CLIENT, "table_name": ' + table_name + b', "sequence": 1, "action": "upsert", '
    one = head + b'"key_names": ["id"], "data": ' + data + b"}"
    return b"[" + b", ".join([one] * count) + b"]"


def batch_body(schema: Any, data: Any) -> bytes:
    """Return a batch body of one record."""
    message = {"action": "upsert", "sequence": 1, "data": data}
    body = {"table_name": "bad_batch", "schema": schema, "messages": [message]}
    return json.dumps(body).encode()


PUSH = "/v2/import/push"
BATCH = "/v2/import/batch"
REMOTE = {"properties": {"id": {"$ref": "http://127.0.0.1:1/schema.json"}}}
SLOW = {"properties": {"id": {"type": "string", "pattern": "^(a+)+$"}}}
BODIES: dict[str, tuple[str, bytes, int, str]] = {
    "zero bytes": (PUSH, b"", 400, "Malformed json"),
    "zero bytes to batch": (BATCH, b"", 400, "Malformed json"),
    "100,000 levels of arrays": (PUSH, b"[" * 100_000 + b"]" * 100_000, 400, "nested too deeply"),
    "100,000 levels of objects": (PUSH, nested(100_000, closed=True), 400, "nested too deeply"),
    "100,000 levels left open": (PUSH, nested(100_000, closed=False), 400, "Malformed json"),
    "100,000 levels to batch": (BATCH, b'{"messages":' * 100_000 + b"1" + b"}" * 100_000, 400, "nested"),
    "500 levels": (PUSH, nested(500, closed=True), 400, "nested"),
    "20,001 records": (PUSH, push_body(b'{"id": 1}', count=20_001), 400, "between 1 and 20000 records"),
    "20,000 records": (PUSH, push_body(b'{"id": 1}', count=20_000), 201, "Accepted"),
    "10,001 data points": (
        PUSH,
        push_body(json.dumps({"id": 1} | {f"f{i}": 1 for i in range(10_000)}).encode()),
        422,
        "data cannot contain more than 10000 data points",
    ),
    "duplicate keys": (PUSH, push_body(b'{"id": 1, "id": 2}'), 201, "Accepted"),
    "NaN": (PUSH, push_body(b'{"id": NaN}'), 400, "Malformed json"),
    "Infinity": (BATCH, batch_body({}, {"id": 0}).replace(b": 0", b": -Infinity"), 400, "Malformed json"),
    "half of a surrogate pair": (PUSH, push_body(b'{"id": "\\ud800"}'), 400, "surrogate pair"),
    "bytes that are not UTF-8": (PUSH, push_body(b'{"id": "\xff\xfe"}'), 400, "not UTF-8"),
    "another charset": (PUSH, push_body(b'{"id": 1}').decode().encode("utf-16"), 400, "Malformed json"),
    "a byte-order mark": (PUSH, b"\xef\xbb\xbf" + push_body(b'{"id": 1}'), 201, "Accepted"),
    "NUL in names": (
        PUSH,
        push_body(b'{"id": 1, "a\\u0000b": "c\\u0000d"}', table_name=b'"nu\\u0000l"'),
        201,
        "Accepted",
    ),
    "a table name of 1 MB": (PUSH, push_body(b'{"id": 1}', table_name=b'"%s"' % (b"n" * 1_000_000)), 201, ""),
    "a field name of 1 MB": (PUSH, push_body(b'{"id": 1, "%s": 1}' % (b"n" * 1_000_000)), 201, "Accepted"),
    "a number of a million digits": (PUSH, push_body(b'{"id": 1, "n": 1e999999}'), 400, "Malformed json"),
    "a remote reference": (BATCH, batch_body(REMOTE, {"id": 1}), 400, "Invalid JSON schema"),
    "a catastrophic pattern": (
        BATCH,
        batch_body(SLOW, {"id": "a" * 40 + "!"}),
        400,
        "Record 0 did not conform",
    ),
    "a schema that is itself": (BATCH, batch_body({"$ref": "#"}, {"id": 1}), 201, "Accepted"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_strange_body_gets_its_answer(
    product: Product, document: dict[str, Any], name: str, exercised: Exercised
) -> None:
    """Each strange body has a documented answer, and nobody else notices. (P10, W3 to W6, W50 to W52)"""
    path, body, status, text = BODIES[name]
    with product.client() as client, others_are_served(product):
        answer = client.post(path, content=of_client(product, body), headers=JSON)
    assert (status, True) == (answer.status_code, text in answer.text), answer.text[:500]
    assert_documented(document, path, answer)
    exercised("bad input: bodies")


def of_client(product: Product, body: bytes) -> bytes:
    """Put the client id into a body, in whichever charset it is."""
    number = str(product.client_id)
    return body.replace(b"CLIENT", number.encode()).replace(
        "CLIENT".encode("utf-16-le"), number.encode("utf-16-le")
    )


def test_what_was_accepted_is_loaded_or_rejected(product: Product) -> None:
    """Strange records that were accepted end as rows or with a reason, and do not stop the loader. (P6)"""
    with product.client() as client:
        for path, body, status, _ in BODIES.values():
            if status == 201:
                assert 201 == client.post(path, content=of_client(product, body), headers=JSON).status_code
        assert 201 == client.post(PUSH, json=[product.record("after", 1, {"id": 1})]).status_code
    product.wait_until_loaded()
    assert [{"id": 1}] == product.rows("SELECT id FROM after")
    assert [{"ids": [1, 2]}] == product.rows("SELECT list(id ORDER BY id) AS ids FROM bad")
    reasons = {each["reason"][:40] for each in product.rows("SELECT DISTINCT reason FROM _sdc_rejected")}
    assert any("is too long" in each or "Table name nnn" in each for each in reasons), reasons


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("path", [PUSH, BATCH, "/v2/import/validate"])
def test_a_bomb_is_refused(
    product: Product, document: dict[str, Any], encoding: str, path: str, exercised: Exercised
) -> None:
    """A hundred megabytes in a few kilobytes are refused at the limit, eight at a time. (W8)"""
    bomb = ENCODERS[encoding](bytes(100_000_000))
    answers: list[httpx.Response] = []

    def throw() -> None:
        with product.client() as client:
            answers.append(client.post(path, content=bomb, headers=JSON | {"Content-Encoding": encoding}))

    with others_are_served(product):
        throwers = [threading.Thread(target=throw) for _ in range(8)]
        for each in throwers:
            each.start()
        for each in throwers:
            each.join()
    assert [413] * 8 == [each.status_code for each in answers]
    assert_documented(document, path, answers[0])
    exercised(f"bad input: {encoding} bombs")


@pytest.mark.parametrize("encoding", ENCODERS)
def test_an_encoded_body_is_a_body(product: Product, encoding: str, exercised: Exercised) -> None:
    """A compressed body is checked, kept and loaded like any other. (W7)"""
    with product.client() as client:
        body = json.dumps([product.record(f"packed_{encoding}", 1, {"id": 1})]).encode()
        headers = JSON | {"Content-Encoding": encoding}
        answer = client.post(PUSH, content=ENCODERS[encoding](body), headers=headers)
        assert 201 == answer.status_code
        cut = client.post(PUSH, content=ENCODERS[encoding](body)[:-4], headers=headers)
        assert f"the {encoding} encoding" in cut.json()["error"]
    product.wait_until_loaded()
    assert [{"id": 1}] == product.rows(f"SELECT id FROM packed_{encoding}")
    exercised(f"encoding: {encoding}")


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, zstd", "gzip, gzip", "x" * 2_000])
@pytest.mark.parametrize("path", [PUSH, BATCH, "/v2/import/validate"])
def test_another_encoding_is_refused(
    product: Product, document: dict[str, Any], path: str, encoding: str
) -> None:
    """Encodings that nobody undoes get 415 and are told which are taken. (W7, W14, W15)"""
    with product.client() as client:
        answer = client.post(path, content=b"[]", headers=JSON | {"Content-Encoding": encoding})
    assert (415, "gzip, zstd") == (answer.status_code, answer.headers["accept-encoding"])
    assert_documented(document, path, answer)


# --- Sizes and times ---------------------------------------------------------------------------------------


@contextmanager
def connected(product: Product) -> Iterator[socket.socket]:
    """Open a bare connection; its time-out is the bound for a hanging server."""
    host, port = product.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield connection


def head(product: Product, *lines: str, path: str = PUSH) -> bytes:
    """Return the head of a request with a good token."""
    first = [f"POST {path} HTTP/1.1", "Host: tidegate", f"Authorization: Bearer {product.access_token}"]
    return "\r\n".join([*first, "Content-Type: application/json", *lines, "", ""]).encode()


def everything(connection: socket.socket) -> bytes:
    """Return all that comes until the server hangs up."""
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_a_declared_gigabyte_is_refused_at_once(product: Product, exercised: Exercised) -> None:
    """The answer comes before a single byte of the body, and then the connection is closed."""
    with others_are_served(product), connected(product) as connection:
        connection.sendall(head(product, f"Content-Length: {GIGABYTE}"))
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()
    assert f"request size ({GIGABYTE} bytes) exceeds the maximum".encode() in answer
    exercised("bad input: declared size")


def test_a_sent_gigabyte_is_cut_off(product: Product, exercised: Exercised) -> None:
    """A client that sends on and on sees the answer, and is cut off long before its gigabyte is through."""
    chunk = b"100000\r\n" + b"[" * 0x100000 + b"\r\n"
    sent, answer = 0, b""
    with others_are_served(product), connected(product) as connection:
        connection.sendall(head(product, "Transfer-Encoding: chunked"))
        try:
            while sent < GIGABYTE:
                connection.sendall(chunk)
                sent += len(chunk)
                if not answer and select.select([connection], [], [], 0)[0]:
                    answer = connection.recv(65_536)
        except ConnectionError:
            pass
    assert answer.startswith(b"HTTP/1.1 413")
    assert sent < 200_000_000
    exercised("bad input: sent size")


def test_a_slow_drip_is_ended(product: Product, document: dict[str, Any], exercised: Exercised) -> None:
    """Who sends a byte now and then is told so and cut off, and holds nobody up. (W13)"""
    with others_are_served(product), connected(product) as connection:
        connection.sendall(head(product, "Content-Length: 100"))
        answer = b""
        while not answer:
            connection.sendall(b"[")
            if select.select([connection], [], [], 0.2)[0]:
                answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 504")
    assert answer.endswith(b'{"message": "Gateway Timeout"}')
    assert "504" in document["paths"][PUSH]["post"]["responses"]
    exercised("bad input: slow drip")


def test_a_client_that_goes_away_harms_nobody(product: Product) -> None:
    """Half a body and then nothing: no answer is due, and nothing is held."""
    with others_are_served(product):
        for _ in range(50):
            with connected(product) as connection:
                connection.sendall(head(product, "Content-Length: 20000000") + b"[" * 1_000)


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"\x00" * 1_000])
def test_what_is_no_http_is_cut_off(product: Product, garbage: bytes) -> None:
    """TLS to the plain port and other garbage end with 400, and harm nobody."""
    with others_are_served(product), connected(product) as connection:
        connection.sendall(garbage)
        assert everything(connection).startswith(b"HTTP/1.1 400")


# --- Heads -------------------------------------------------------------------------------------------------


def post_as_written(
    product: Product, path: str, body: bytes, headers: dict[str, str | bytes]
) -> httpx.Response:
    """Send headers exactly as given; httpx refuses to write some of them."""
    host, port = product.base_url.removeprefix("http://").split(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=20)) as connection:
        connection.putrequest("POST", path)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return httpx.Response(answer.status, headers=dict(answer.getheaders()), content=answer.read())


def good(product: Product) -> bytes:
    """Return a body that is accepted."""
    return json.dumps([product.record("good", 1, {"id": 1})]).encode()


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json;charset=UTF-8;x=y",
        " application/json ",
    ],
)
def test_parameters_and_case_of_a_content_type_do_not_matter(product: Product, content_type: str) -> None:
    """Only the media type counts. (W1)"""
    token = f"Bearer {product.access_token}"
    headers: dict[str, str | bytes] = {"Authorization": token, "Content-Type": content_type}
    assert 201 == post_as_written(product, PUSH, good(product), headers).status_code


@pytest.mark.parametrize("content_type", ["text/plain", "application/jsonx", "", "application/json,text/x"])
@pytest.mark.parametrize("path", [PUSH, BATCH, "/v2/import/validate"])
def test_another_content_type_is_refused(
    product: Product, document: dict[str, Any], path: str, content_type: str
) -> None:
    """Before a body is read its type is looked at. (W13, W14)"""
    with product.client() as client:
        answer = client.post(path, content=good(product), headers={"Content-Type": content_type})
    assert 415 == answer.status_code
    assert_documented(document, path, answer)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER\t", "Bearer: ", "Bearer:", "  Bearer    "])
def test_ways_to_write_bearer(product: Product, scheme: str) -> None:
    """The scheme in any case, with a colon or without, with any white space. (W2)"""
    headers: dict[str, str | bytes] = {**JSON, "Authorization": f"{scheme}{product.access_token}"}
    assert 201 == post_as_written(product, PUSH, good(product), headers).status_code


@pytest.mark.parametrize(
    "authorization",
    [b"", b"Bearer", b"Bearer ", b"Basic TOKEN", b"TOKEN", b"Bearer TOKEN x", b"Bearer \xff", b"Bearer at_x"],
)
@pytest.mark.parametrize("path", [PUSH, BATCH, "/v2/import/validate"])
def test_no_good_token_no_entry(
    product: Product, document: dict[str, Any], path: str, authorization: bytes
) -> None:
    """Whatever is not a good token behind `Bearer` is answered alike. (W2, W13)"""
    value = authorization.replace(b"TOKEN", product.access_token.encode())
    answer = post_as_written(product, path, b"[]", {**JSON, "Authorization": value})
    assert (401, "Not Authorized") == (answer.status_code, answer.json()["message"])
    assert_documented(document, path, answer)


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


@pytest.mark.parametrize("method", METHODS)
def test_wrong_methods_on_every_path(product: Product, document: dict[str, Any], method: str) -> None:
    """A method that a path does not take gets 405 and `Allow`; the API's paths say so in plain text. (W14)"""
    with product.client() as client:
        for path, operations in document["paths"].items():
            taken = {each.upper() for each in operations}
            taken |= {"HEAD"} if "GET" in taken else set()
            if method in taken:
                continue
            answer = client.request(method, path)
            assert (405, taken) == (answer.status_code, set(answer.headers["allow"].split(", "))), path
            if path.startswith("/v2/"):
                text = "" if method == "HEAD" else "Method not allowed."
                assert (text, "text/plain") == (answer.text, answer.headers["content-type"])


@pytest.mark.parametrize(
    "path", ["/", "/v2", "/v2/import", "/v2/import/pus", "/v3/import/push", "/V2/IMPORT/PUSH"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_other_paths_are_not_found(product: Product, method: str, path: str) -> None:
    """Any other path is answered with 404 in JSON. (W13)"""
    with product.client() as client:
        answer = client.request(method, path)
    assert (404, "application/json") == (answer.status_code, answer.headers["content-type"])
    assert "Not Found" == answer.json()["message"]


def test_a_trailing_slash_and_a_query_do_not_matter(product: Product) -> None:
    """`/v2/import/push/?x=1` is push, and `HEAD` on status is `GET` without a body."""
    with product.client() as client:
        assert 201 == client.post(PUSH + "/?x=1", content=good(product), headers=JSON).status_code
        whole, first = (client.request(each, "/v2/import/status/") for each in ("GET", "HEAD"))
    assert (200, b"") == (first.status_code, first.content)
    assert whole.headers["content-length"] == first.headers["content-length"]


def test_a_connection_outlives_refusals(product: Product) -> None:
    """After each kind of refusal the same connection goes on to serve."""
    host, port = product.base_url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    token = {"Authorization": f"Bearer {product.access_token}"}
    refused: list[tuple[str, str, bytes, dict[str, str], int]] = [
        ("POST", PUSH, b"[]", JSON, 401),
        ("POST", PUSH, b"x" * 100_000, JSON | token, 400),
        ("POST", PUSH, b"x" * 1_000_000, token, 415),
        ("POST", BATCH, b"{}", JSON | token, 400),
        ("PUT", PUSH, b"x" * 1_000_000, token, 405),
        ("POST", "/nowhere", b"x" * 1_000_000, token, 404),
        ("POST", PUSH, good(product), JSON | token, 201),
    ]
    ports = set()
    for method, path, body, headers, status in refused:
        connection.request(method, path, body, headers)
        ports.add(connection.sock.getsockname()[1])
        answer = connection.getresponse()
        answer.read()
        assert status == answer.status, path
    connection.close()
    assert 1 == len(ports)


def test_a_refused_client_is_not_asked_to_send(product: Product) -> None:
    """Who asks first, with `Expect: 100-continue`, gets the refusal and no go-ahead."""
    for lines, status in (
        (("Content-Length: 1000000000",), b"413"),
        (("Content-Length: 10", "Content-Encoding: br"), b"415"),
    ):
        with connected(product) as connection:
            connection.sendall(head(product, *lines, "Expect: 100-continue"))
            assert connection.recv(65_536).startswith(b"HTTP/1.1 " + status)


def test_a_chunked_body_is_a_body(product: Product) -> None:
    """A body in chunks of any size is put together. (W3)"""
    body = good(product)
    with product.client() as client:
        pieces = (body[i : i + 1] for i in range(len(body)))
        assert 201 == client.post(PUSH, content=pieces, headers=JSON).status_code
