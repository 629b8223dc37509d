"""B8: from `tidegate serve` to the first 201, for a new data folder and for one that was served before."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path

from bench.figures import Budget, at_most
from bench.plan import Plan
from bench.programs import Failed, port_of
from tests.product import Product

ID, WHAT, BUDGET = "B8", "start: `tidegate serve` to first 201", "<= 2 s"
ANSWER_S_MAX = 60.0


def measure(plan: Plan) -> list[Budget]:
    """Start, push one record, stop; first on a new folder, then on the same one again."""
    first: list[float] = []
    later: list[float] = []
    for number in plan.rounds(3, 9, seconds=(6, 30)):
        product = Product(plan.folder / f"b8-{number}")
        try:
            first.append(_start(product, 1))
            product.stop()
            later.append(_start(product, 2))
            product.stop()
        finally:
            product.close()
    what = "start: `tidegate serve` to first 201,"
    return [
        at_most(f"{ID}.first", f"{what} new data folder", "s", 2, first),
        at_most(f"{ID}.later", f"{what} existing data folder", "s", 2, later),
    ]


def _start(product: Product, sequence: int) -> float:
    """
    Return the seconds from starting the process to the first 201.

    Whoever starts it reads the address from its first line, and pushes at once.
    """
    begun = time.perf_counter()
    product.start()
    body = json.dumps([product.record("hello", sequence, {"id": 1, "greeting": "hi"})])
    headers = {"Authorization": f"Bearer {product.access_token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port_of(product), timeout=ANSWER_S_MAX)
    try:
        connection.request("POST", "/v2/import/push", body, headers)
        status = connection.getresponse().status
    finally:
        connection.close()
    seconds = time.perf_counter() - begun
    if status != 201:
        raise Failed(f"the first push got {status}; see {Path(product.log_path).name}")
    return seconds
