"""Makes virtual environments for peers and tools, at pinned versions, with pip as it is configured here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

INSTALL_S_MAX = 600


class NotInstalled(Exception):
    """A peer could not be installed; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What to install in the environment `name`; the first requirement is what it is for."""

    name: str
    requirements: tuple[str, ...]

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return re.sub(r"\[.*\]", "", self.requirements[0]).replace("==", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer(Environment):
    """One other product, the script that drives it, and how."""

    short: str
    script: Path
    how: str


HERE = Path(__file__).parent
DLT = Peer(
    name="dlt",
    short="dlt",
    requirements=("dlt[duckdb,parquet]==1.31.0", "duckdb==2.0.0", "pyarrow==26.0.1"),
    script=HERE / "dlt_duckdb.py",
    how="DuckDB 2.0.0 as the product; merge by key, parquet files, one package, else its defaults",
)
# From DuckDB 1.3 on, its CSV reader takes the first row of a batch of this target for a header, and loses it.
TARGET_DUCKDB = Peer(
    name="target-duckdb",
    short="target-duckdb",
    requirements=("target-duckdb==0.8.0", "duckdb==1.2.2"),
    script=HERE / "singer_duckdb.py",
    how="DuckDB 1.2.2, the newest with which it keeps every row; its defaults, batches of 100,000 rows",
)

DLT_POSTGRESQL = Peer(
    name="dlt-postgresql",
    short="dlt",
    requirements=("dlt[postgres]==1.31.0",),
    script=HERE / "dlt_postgresql.py",
    how="merge by key, csv files, one package, else its defaults",
)
TARGET_POSTGRES = Peer(
    name="target-postgres",
    short="target-postgres",
    requirements=("meltanolabs-target-postgres==0.8.1",),
    script=HERE / "singer_postgresql.py",
    how="with COPY (psycopg 3), which is not its default; otherwise its defaults, batches of 10,000 rows",
)


def installed(wished: Environment, cache: Path) -> Path:
    """Return the Python of an environment, made on first use. Errors: NotInstalled."""
    folder = cache / wished.name
    stamp, wanted = folder / ".installed", "\n".join(wished.requirements)
    python = folder / "bin" / "python"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    print(f"bench: installing {wished.title} into its own environment", file=sys.stderr, flush=True)
    _run([sys.executable, "-m", "venv", str(folder)])
    _run(
        [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *wished.requirements]
    )
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_S_MAX)
    except subprocess.CalledProcessError as exc:
        lines = [line for line in exc.stderr.splitlines() if line.startswith("ERROR")] or [exc.stderr[-200:]]
        raise NotInstalled(f"its installation failed: {lines[-1]}") from exc
    except subprocess.TimeoutExpired as exc:
        raise NotInstalled(f"its installation took more than {INSTALL_S_MAX} s") from exc
