"""
Throw mutated requests at the pure readers of the Import API for a while: `make fuzz ARGS="--seconds 60"`.

Each request is a sound one with bytes changed, cut, doubled or swapped for odd ones. Whatever comes of it,
the outcome must be a count or a `Refusal`, and what is accepted must be read with the same count. Prints what
was tried and exits with 1 at the first other outcome, after writing the body to a file.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

from tidegate.errors import Refusal
from tidegate.wire.batch import BatchChecker, read_batch
from tidegate.wire.content import JSON, TRANSIT
from tidegate.wire.push import check_push, read_push

CLIENT_ID = 7
PUSH = [
    {
        "client_id": CLIENT_ID,
        "table_name": "t",
        "sequence": 1565276078922000095,
        "action": "upsert",
        "key_names": ["id"],
        "data": {
            "id": 1,
            "name": "Finn \u00e9\U0001f30a",
            "cost": 3.25,
            "tags": ["a", {"b": None}],
            "ok": True,
        },
    },
    {"client_id": CLIENT_ID, "table_name": "t", "sequence": 2, "action": "switch_view", "table_version": 3},
]
BATCH = {
    "table_name": "t",
    "key_names": ["id"],
    "table_version": 5,
    "schema": {
        "properties": {
            "id": {"type": "integer"},
            "at": {"type": ["null", "string"], "format": "date-time"},
            "cost": {"type": "number", "multipleOf": 0.01},
            "name": {"type": "string", "maxLength": 20, "pattern": "^[a-z ]*$"},
            "inner": {
                "type": "object",
                "properties": {"x": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
            },
        }
    },
    "messages": [
        {
            "action": "upsert",
            "sequence": 1,
            "time_extracted": "2019-06-18T17:10:05.123456Z",
            "data": {
                "id": 1,
                "at": "2020-01-13T21:25:03+0000",
                "cost": 1.25,
                "name": "ab",
                "inner": {"x": 1},
            },
        },
        {"action": "activate_version", "sequence": 2},
    ],
}
COMPACT = (
    '[["^ ","client_id",7,"table_name","t","sequence","~i1565276078922000095","action","upsert",'
    '"key_names",["id"],"data",["^ ","id",1,"at","~m1565276078922","price","~f1.50",'
    '"set",["~#set",[1,"~:k"]],"b","~bAAEC"]],'
    '["^ ","^0",7,"^1","t","^2",2,"^3","upsert","^4",["id"],"data",["^ ","id","~n9223372036854775808",'
    '"u","~u531a379e-31bb-4ce1-8690-158dceb64be6","z","~zNaN"]]]'
)
VERBOSE = (
    '[{"client_id":7,"table_name":"t","sequence":1,"action":"upsert","key_names":["id"],'
    '"data":{"id":{"~#ratio":[1,3]},"~:k":"~t1999-12-31T23:59:59.999Z","c":{"~#cmap":[1,2]}}}]'
)
ODD = b'\xff \x00 \\ud800 1e999 - " { } ] , null NaN ^ ~# ~ 0.1 "$ref":"#" \xef\xbb\xbf'.split()
ODD += [b"[" * 200, b"9" * 400]
SEEDS = [
    ("push", JSON, json.dumps(PUSH).encode()),
    ("batch", JSON, json.dumps(BATCH).encode()),
    ("push", TRANSIT, COMPACT.encode()),
    ("push", TRANSIT, VERBOSE.encode()),
]


def mutated(body: bytes, dice: random.Random) -> bytes:
    """Return the body with a few things wrong."""
    changed = bytearray(body)
    for _ in range(dice.choice((0, 1, 1, 2, 3, 8))):
        at = dice.randrange(len(changed) + 1)
        match dice.randrange(5):
            case 0:
                changed[at : at + dice.randrange(1, 12)] = b""
            case 1:
                changed[at:at] = dice.choice(ODD)
            case 2:
                changed[at : at + 1] = bytes([dice.randrange(256)])
            case 3:
                start = dice.randrange(len(changed) + 1)
                changed[at:at] = changed[start : start + dice.randrange(40)]
            case _:
                other = dice.choice(SEEDS)[2]
                start = dice.randrange(len(other))
                changed[at : at + 5] = other[start : start + dice.randrange(30)]
    return bytes(changed)


def outcome(endpoint: str, media_type: str, body: bytes, checker: BatchChecker) -> str:
    """Check and read one body; return "accepted" or the refusal's code."""
    try:
        count = checker.check(body) if endpoint == "batch" else check_push(body, media_type, CLIENT_ID)
    except Refusal as exc:
        return exc.code
    batches = read_batch(body) if endpoint == "batch" else read_push(body, media_type)
    read = sum(len(each.data) + each.activates for each in batches)
    return "accepted" if read == count else f"accepted {count}, read {read}"


def main() -> int:
    """Fuzz for the seconds asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options = parser.parse_args()
    dice = random.Random(options.seed)  # noqa: S311 - dice of a test
    checker = BatchChecker()
    seen: Counter[tuple[str, str]] = Counter()
    until = time.monotonic() + options.seconds
    slowest = 0.0
    while time.monotonic() < until:
        for _ in range(200):
            endpoint, media_type, seed = dice.choice(SEEDS)
            body = mutated(seed, dice)
            begun = time.perf_counter()
            try:
                found = outcome(endpoint, media_type, body, checker)
            except Exception as exc:  # noqa: BLE001 - that is what is looked for
                found = f"{type(exc).__name__}: {exc}"
            slowest = max(slowest, time.perf_counter() - begun)
            if " " in found:
                Path("fuzz-found.bin").write_bytes(body)
                sys.stdout.write(
                    f"{endpoint} {media_type} seed {options.seed}: {found}; body in fuzz-found.bin\n"
                )
                return 1
            seen[endpoint + " " + media_type, found] += 1
    for (what, found), count in sorted(seen.items()):
        sys.stdout.write(f"{what:32} {found:28} {count:10,}\n")
    sys.stdout.write(
        f"{sum(seen.values()):,} requests, seed {options.seed}, slowest {slowest * 1000:.1f} ms\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
