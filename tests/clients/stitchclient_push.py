"""
Drives the published Python package `stitchclient`; runs in that package's own environment.

Reads one JSON object from standard input: `url`, `token`, `client_id`, `records` (what `push` takes, with
`{"$": kind, "text": ...}` for values JSON lacks). Prints what the callback was given, as JSON.
"""

from __future__ import annotations

import collections
import collections.abc
import datetime as dt
import decimal
import json
import sys
import uuid

# The package's transit reader was written before these moved to collections.abc.
for name in ("Mapping", "MutableMapping", "Hashable", "Sequence", "Set"):
    setattr(collections, name, getattr(collections.abc, name))

from stitchclient.client import Client  # type: ignore[import-not-found]  # noqa: E402 - installed elsewhere; needs the names above

KINDS = {
    "decimal": decimal.Decimal,
    "datetime": dt.datetime.fromisoformat,
    "uuid": uuid.UUID,
    "tuple": lambda text: tuple(json.loads(text)),
    "set": lambda text: set(json.loads(text)),
}


def value_of(found: dict[str, object]) -> object:
    """Make the value that JSON cannot carry."""
    return KINDS[str(found["$"])](str(found["text"])) if "$" in found else found  # type: ignore[operator]  # each takes a text


def main() -> None:
    """Push all records; leaving the `with` block flushes."""
    told = json.load(sys.stdin, object_hook=value_of)
    accepted: list[object] = []
    with Client(
        told["client_id"],
        told["token"],
        callback_function=accepted.extend,
        override_stitch_url=told["url"],
        **told.get("options", {}),
    ) as client:
        for index, record in enumerate(told["records"]):
            client.push(record, index)
    print(json.dumps(accepted))  # noqa: T201 - the driver's result


main()
