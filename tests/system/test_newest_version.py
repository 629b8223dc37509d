"""P5 on the whole product: upserts in random order, repeated, with restarts, against a ten-line reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.product import Product

Exercised = Callable[[str], None]
_tables = count()

upserts = st.tuples(st.just("upsert"), st.integers(0, 4), st.integers(0, 3))
steps = st.lists(
    upserts
    | st.just(("repeat", 0, 0))
    | st.sampled_from([("kill loader", 0, 0), ("restart", 0, 0), ("load", 0, 0)]),
    min_size=1,
    max_size=25,
)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A started product that loads at once."""
    running = Product(
        tmp_path_factory.mktemp("newest") / "data",
        flags=("--workers", "2"),
        environ={"TIDEGATE_LOAD_WAIT_S": "0"},
    )
    running.start()
    yield running
    running.close()


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=steps)
def test_the_greatest_sequence_stays_and_ties_go_to_the_later(
    product: Product, steps: list[tuple[str, int, int]], exercised: Exercised
) -> None:
    """Whatever the order, the repetitions and the restarts, each key has the version the rule names."""
    table = f"newest_{next(_tables)}"
    expected: dict[int, tuple[int, int]] = {}
    sent: tuple[int, int, int] | None = None
    for number, (what, key, sequence) in enumerate(steps):
        if what == "kill loader":
            product.kill("loader")
        elif what == "restart":
            assert 0 == product.stop()
            product.start()
        elif what == "load":
            product.wait_until_loaded()
        else:
            if what == "upsert" or sent is None:
                sent = (key, sequence, number)
            push(product, table, *sent)
            if sent[0] not in expected or expected[sent[0]][0] <= sent[1]:
                expected[sent[0]] = sent[1:]
    product.wait_until_loaded()
    if expected:
        rows = product.rows(f"SELECT id, _sdc_sequence, n FROM {table}")
        assert expected == {row["id"]: (row["_sdc_sequence"], row["n"]) for row in rows}
        assert len(expected) == len(rows)
    exercised("newest version: whole product with restarts")


def push(product: Product, table: str, key: int, sequence: int, number: int) -> None:
    """Push one version of one row."""
    with product.client() as client:
        answer = client.post(
            "/v2/import/push", json=[product.record(table, sequence, {"id": key, "n": number})]
        )
    assert 201 == answer.status_code
