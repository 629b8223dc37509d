"""target-duckdb: `python singer_duckdb.py MESSAGES WAREHOUSE`, its own settings but path and schema."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path

import target_duckdb  # type: ignore[import-not-found]  # it is only in the peer's own environment


def main() -> None:
    """Give it the file of Singer messages as its standard input."""
    messages, warehouse = Path(sys.argv[1]), sys.argv[2]
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=messages.parent) as config:
        json.dump({"path": warehouse, "default_target_schema": "bench"}, config)
        config.flush()
        sys.argv = ["target-duckdb", "--config", config.name]
        begun = time.perf_counter()
        with messages.open("rb") as given, contextlib.redirect_stdout(io.StringIO()):
            sys.stdin = io.TextIOWrapper(given, encoding="utf-8")
            target_duckdb.main()
        seconds = time.perf_counter() - begun
    json.dump({"seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main()
