"""`Idempotency-Key` over HTTP. Source: docs/specs/import-api.md, section 9."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.product import Product

Exercised = Callable[[str], None]

BATCH = "/v2/import/batch"
SCHEMA = {"properties": {"n": {"type": "integer"}}}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A started product with two gate processes; every test writes to a table of its own."""
    running = Product(
        tmp_path_factory.mktemp("product") / "data",
        flags=("--workers", "2"),
        environ={"TIDEGATE_LOAD_WAIT_S": "0.05"},
    )
    running.start()
    yield running
    running.close()


def body(table_name: str, *numbers: int) -> bytes:
    """A batch body for a table without keys."""
    messages = [{"action": "upsert", "sequence": 1, "data": {"n": number}} for number in numbers]
    return json.dumps({"table_name": table_name, "schema": SCHEMA, "messages": messages}).encode()


def post(product: Product, path: str, content: bytes, key: str | None, **headers: str) -> httpx.Response:
    """Send one request over a connection of its own, so that either gate process may get it."""
    sent = {"Content-Type": "application/json"} | headers
    if key is not None:
        sent["Idempotency-Key"] = key
    with product.client() as client:
        return client.post(path, content=content, headers=sent)


def count(product: Product, table_name: str) -> Any:
    """How many rows a table has once everything is loaded."""
    product.wait_until_loaded()
    return product.rows(f"SELECT count(*) AS rows FROM {table_name}")[0]["rows"]


def test_a_request_sent_again_is_answered_alike_and_kept_once(product: Product, exercised: Exercised) -> None:
    """The same request with the same key is accepted each time and loaded once; without, each time. (W81)"""
    answers = [post(product, BATCH, body("again", 1, 2), "again-1") for _ in range(4)]
    answers += [post(product, BATCH, body("again", 3), None) for _ in range(2)]
    assert {(201, b'{"status": "OK", "message": "Batch Accepted!"}')} == {
        (each.status_code, each.content) for each in answers
    }
    assert 4 == count(product, "again")
    exercised("idempotency: gate, journal, loader")


def test_push_knows_keys_too(product: Product) -> None:
    """A repeated push is kept once: the journal ends where it ended. (W81)"""
    content = json.dumps([product.record("pushed", 1, {"id": 1})]).encode()
    assert 201 == post(product, "/v2/import/push", content, "pushed-1").status_code
    end = product.status()["journal"]["end"]
    assert 201 == post(product, "/v2/import/push", content, "pushed-1").status_code
    assert end == product.status()["journal"]["end"]


def test_attempts_that_race_are_kept_once(product: Product) -> None:
    """Many attempts at once, over both gate processes, leave one entry. (W81)"""
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda n: post(product, BATCH, body("race", n // 8), f"race-{n // 8}"), range(80))
        )
    assert {201} == {each.status_code for each in answers}
    assert 10 == count(product, "race")


def test_a_compressed_repetition_is_the_same_request(product: Product) -> None:
    """What counts is the body after `Content-Encoding` is undone. (W82)"""
    content = body("packed", 1)
    assert 201 == post(product, BATCH, content, "packed-1").status_code
    again = post(product, BATCH, gzip.compress(content), "packed-1", **{"Content-Encoding": "gzip"})
    assert (201, 1) == (again.status_code, count(product, "packed"))


def test_a_key_used_for_another_request_is_refused(product: Product) -> None:
    """The refusal is for that one request, while its neighbours are accepted. (W83)"""
    assert 201 == post(product, BATCH, body("other", 0), "other-1").status_code

    def attempt(number: int) -> tuple[int, str]:
        answer = post(product, BATCH, body("other", number), "other-1" if number % 2 else f"fresh-{number}")
        return answer.status_code, answer.json()["message"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(1, 41)))
    refused = (422, "Idempotency-Key was already used for a different request")
    assert [refused, (201, "Batch Accepted!")] * 20 == answers
    assert 21 == count(product, "other")


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é", "tab\there"])
def test_a_key_of_other_characters_is_refused(product: Product, key: str) -> None:
    """A key is 1 to 255 visible ASCII characters; nothing is kept under another. (W80)"""
    end = product.status()["journal"]["end"]
    with product.client() as client:
        headers = {b"Content-Type": b"application/json", b"Idempotency-Key": key.encode("latin-1")}
        answer = client.post(BATCH, content=body("refused", 1), headers=headers)
    text = "Idempotency-Key must be 1 to 255 visible ASCII characters"
    assert (400, text) == (answer.status_code, answer.json()["message"])
    assert end == product.status()["journal"]["end"]


def test_the_longest_key_is_taken(product: Product) -> None:
    """255 characters, from the first visible one to the last. (W80)"""
    key = "!~" * 127 + '"'
    assert [201, 201] == [post(product, BATCH, body("longest", 1), key).status_code for _ in range(2)]
    assert 1 == count(product, "longest")


def test_validate_ignores_the_header(product: Product) -> None:
    """Validate keeps nothing, so any key will do, and it uses none up. (W80)"""
    content = json.dumps([product.record("checked", 1, {"id": 1})]).encode()
    for key in ("not a key", "checked-1"):
        assert 200 == post(product, "/v2/import/validate", content, key).status_code
    other = json.dumps([product.record("checked", 1, {"id": 2})]).encode()
    assert 201 == post(product, "/v2/import/push", other, "checked-1").status_code


def test_a_refused_request_does_not_use_its_key(product: Product) -> None:
    """After a refusal the corrected body may come with the same key. (W84)"""
    wrong = body("corrected", 1).replace(b'"n": 1', b'"n": "one"')
    assert 400 == post(product, BATCH, wrong, "corrected-1").status_code
    assert 201 == post(product, BATCH, body("corrected", 1), "corrected-1").status_code
    assert 1 == count(product, "corrected")
