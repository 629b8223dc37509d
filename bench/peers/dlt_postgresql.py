"""dlt into PostgreSQL: `python dlt_postgresql.py RECORDS URL`, merge by key, csv, else its defaults."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt  # type: ignore[import-not-found]  # it is only in the peer's own environment

PAGE_RECORDS = 10_000


def main() -> None:
    """Load the records of a file, one JSON object a line."""
    path, url = Path(sys.argv[1]), sys.argv[2]

    @dlt.resource(  # type: ignore[untyped-decorator]  # as above
        name="orders",
        write_disposition="merge",
        primary_key="id",
        columns={"updated_at": {"dedup_sort": "desc"}},
    )
    def orders() -> Iterator[list[dict[str, Any]]]:
        page: list[dict[str, Any]] = []
        with path.open("rb") as file:
            for line in file:
                page.append(json.loads(line))
                if len(page) == PAGE_RECORDS:
                    yield page
                    page = []
        yield page

    with tempfile.TemporaryDirectory(dir=path.parent) as working:
        begun = time.perf_counter()
        pipeline = dlt.pipeline(
            "bench",
            pipelines_dir=working,
            destination=dlt.destinations.postgres(url),
            dataset_name="bench",
        )
        pipeline.run(orders(), loader_file_format="csv")
        seconds = time.perf_counter() - begun
    json.dump({"seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main()
