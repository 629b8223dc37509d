"""The disk of the DuckDB file fills up: accepting goes on, nothing is lost, it recovers by itself. (P7)"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.product import Product
from tests.services import lacking
from tests.waiting import wait_until

SMALL, LARGE = "12m", "200m"
ROWS_EACH_REQUEST = 200


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, a small one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    _mounted(folder, f"size={SMALL}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mounted(folder: Path, options: str) -> None:
    """Mount, or mount again. Only root may."""
    if os.geteuid() != 0:
        lacking("a small file system", "only root may mount one")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        lacking("a small file system", done.stderr.strip())


def text_of(number: int) -> str:
    """Return a text that does not shrink: as many of these fill a disk."""
    return "".join(f"{number * 7_919 + place:x} " for place in range(300))


def push(product: Product, first: int) -> int:
    """Push a request of rows, each with a key of its own and one element; return the status."""
    rows = range(first, first + ROWS_EACH_REQUEST)
    records = [product.record("t", 1, {"id": row, "text": text_of(row), "parts": [row]}) for row in rows]
    with product.client() as client:
        return client.post("/v2/import/push", json=records).status_code


def test_a_full_disk_under_the_warehouse_loses_and_doubles_nothing(
    tmp_path: Path, disk: Path, exercised: Callable[[str], None]
) -> None:
    """201 becomes 202, status says why; with room again every accepted row is there once. (P4, P7, D4)"""
    product = Product(
        tmp_path / "data",
        flags=("--workers", "1", "--destination", f"duckdb:///{disk}/warehouse.duckdb"),
        environ={"TIDEGATE_LOAD_WAIT_S": "0.05", "TIDEGATE_RETRY_WAIT_S_MAX": "0.5"},
    ).start()
    try:
        sent = 0

        def waits() -> bool:
            nonlocal sent
            status = push(product, sent)
            assert status in {201, 202}
            sent += ROWS_EACH_REQUEST
            return status == 202

        def is_full() -> bool:
            # A nearly full disk may have room again a moment later, as when the file was closed in between.
            wait_until(waits, within_s=120, what="202 while the disk is full")
            (destination,) = product.status()["destinations"]
            return "space" in (destination["error"] or "").lower()

        wait_until(is_full, within_s=120, what="the disk full, and status saying so")
        _mounted(disk, f"remount,size={LARGE}")
        product.wait_until_loaded(120)
        expected = {"rows": sent, "ids": sent, "least": 0, "greatest": sent - 1}
        columns = "count(*) as rows, count(distinct id) as ids, min(id) as least, max(id) as greatest"
        assert [expected] == product.rows(f"select {columns} from t")
        assert [{"n": sent}] == product.rows("select count(*) as n from t__parts")
        assert [{"n": 0}] == product.rows("select count(*) as n from t where length(text) < 300")
        wait_until(lambda: product.status()["healthy"], what="status to be healthy")
        exercised("crash: the warehouse's disk full, duckdb")
    finally:
        product.close()
