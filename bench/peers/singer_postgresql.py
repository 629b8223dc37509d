"""meltanolabs-target-postgres: `python singer_postgresql.py MESSAGES URL`, COPY, else its own settings."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

from target_postgres.target import TargetPostgres  # type: ignore[import-not-found]  # the peer's own


def main() -> None:
    """Give it the file of Singer messages."""
    messages, address = Path(sys.argv[1]), urlsplit(sys.argv[2])
    settings = {
        "host": address.hostname,
        "port": address.port,
        "user": address.username,
        "password": unquote(address.password or ""),
        "database": address.path.lstrip("/"),
        "default_target_schema": "bench",
        "use_copy": True,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=messages.parent) as config:
        json.dump(settings, config)
        config.flush()
        begun = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            # It takes hold of standard input when it is imported; a path it reads in the same way.
            TargetPostgres.cli(["--config", config.name, "--input", str(messages)], standalone_mode=False)
        seconds = time.perf_counter() - begun
    json.dump({"seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main()
