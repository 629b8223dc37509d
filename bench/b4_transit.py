"""B4: accepted records/s of Transit push bodies through one gate, against JSON bodies of the same records."""

from __future__ import annotations

import io
import json
import statistics
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from transit.writer import Writer

from bench.b1_accept import CONNECTIONS, RUN_S, RUN_S_QUICK, Side
from bench.figures import Budget, at_least
from bench.plan import Plan, in_turn
from bench.programs import Server, accepting_only, gate_of
from bench.records import FIRST_SEQUENCE, chunks, flat, write_bodies

ID, WHAT, BUDGET = "B4", "accept Transit push bodies, one gate", ">= 0.5x"
RECORDS = 20_000


def measure(plan: Plan) -> list[Budget]:
    """Send the same records in both forms in turn to one gate."""
    with accepting_only(plan.folder / "b4") as product:
        gate = gate_of(product)
        transit = _side(plan, gate, product.access_token, "transit+json", _transit(product.client_id))
        plain = _side(plan, gate, product.access_token, "json", _json(product.client_id))
        for side in (transit, plain):
            side.warm_up(200, RUN_S_QUICK if plan.quick else RUN_S)
        for number in plan.rounds(3, 15, seconds=(4, 30)):
            for side in in_turn((transit, plain), number):
                side.run()
    return [_budget(transit, plain)]


def _side(plan: Plan, gate: Server, token: str, form: str, write: Callable[[list[Any]], bytes]) -> Side:
    path = plan.folder / f"b4.{form}.bodies"
    _written(path, write)
    flags = ("--path", "/v2/import/push", "--content-type", f"application/{form}")
    return Side(gate, path, token, flags=flags)


def _written(path: Path, write: Callable[[list[Any]], bytes]) -> None:
    write_bodies(path, (write(chunk) for chunk in chunks(flat(RECORDS))))


def _pushed(client_id: int, records: list[Any]) -> Iterator[dict[str, Any]]:
    """Put records into what push takes, field by field in the order in which published clients write them."""
    for place, record in enumerate(records):
        yield {
            "client_id": client_id,
            "table_name": "orders",
            "sequence": FIRST_SEQUENCE + place,
            "action": "upsert",
            "key_names": ["id"],
            "data": record,
        }


def _json(client_id: int) -> Callable[[list[Any]], bytes]:
    def write(records: list[Any]) -> bytes:
        return json.dumps(list(_pushed(client_id, records)), separators=(",", ":")).encode()

    return write


def _transit(client_id: int) -> Callable[[list[Any]], bytes]:
    """Write as the public Python client does: its library, compact, date-times as instants."""

    def write(records: list[Any]) -> bytes:
        out = io.StringIO()
        typed = [each | {"updated_at": datetime.fromisoformat(each["updated_at"])} for each in records]
        Writer(out, "json").write(list(_pushed(client_id, typed)))
        return out.getvalue().encode()

    return write


def _budget(transit: Side, plain: Side) -> Budget:
    transit_us, plain_us = statistics.median(transit.cpu_us), statistics.median(plain.cpu_us)
    return at_least(
        ID,
        WHAT,
        "records/s",
        0.5,
        transit.rates(),
        plain.rates(),
        against="the same records in JSON",
        requests_each_run=[transit.requests, plain.requests],
        connections=CONNECTIONS,
        cpu_us_per_body=transit_us,
        limit_cpu_us_per_body=plain_us,
        conditions=(
            "load generator and server share the cores; the loader is frozen; processor time of the"
            f" gate per body {transit_us:.0f} us in Transit, {plain_us:.0f} us in JSON; one field of ten is"
            " an instant in Transit and a text in JSON"
        ),
    )
