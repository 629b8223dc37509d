"""
Real data for the tests: small well-known data sets, with the number of rows in each.

Most come with the Python package `vega_datasets`. The rest come from the npm package `vega-datasets`, pinned
and verified by checksum, fetched once into .cache/ and kept between runs.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tests.services import lacking, need

CACHE = Path(__file__).parent.parent / ".cache" / "datasets"

NPM_PACKAGE = "vega-datasets@3.2.1"
NPM_SHA512 = "lTSwZA6yq6qSU2YZm+6bqILiIvTPPxn4itir7jPGFmHIdPvUfQ9pCzzcrklYywMJgLUbaIeSkZQdiJd6wBxPug=="
NPM_WAIT_S = 240

PYTHON_ROWS = {
    "airports.csv": 3_376,
    "cars.json": 406,
    "iris.json": 150,
    "la-riots.csv": 63,
    "seattle-weather.csv": 1_461,
    "sf-temps.csv": 8_759,
    "stocks.csv": 560,
    "us-employment.csv": 120,
}
NPM_ROWS = {
    "earthquakes.json": 1_707,
    "flights-10k.json": 10_000,
    "github.csv": 955,
    "movies.json": 3_201,
}

ROWS = PYTHON_ROWS | NPM_ROWS
"""File name -> records in it: elements of the array, lines below the header, features of earthquakes.json."""


def dataset(name: str) -> Path:
    """
    Return the file of one data set of `ROWS`.

    Errors: KeyError on a name that is not there. Without npm or the network, the test that asks for one of
    `NPM_ROWS` is skipped, or fails in CI.
    """
    if name in PYTHON_ROWS:
        return _python_folder() / name
    NPM_ROWS[name]
    if not (CACHE / name).exists():
        _fetch()
    return CACHE / name


def _python_folder() -> Path:
    """Find the data of the Python package without importing it, which would import pandas."""
    found = importlib.util.find_spec("vega_datasets")
    if found is None or found.origin is None:
        lacking("vega_datasets", "the Python package is not installed; run `make test`")
    return Path(found.origin).parent / "_data"


def _fetch() -> None:
    """Fetch the npm package, verify it, and put its files into the cache, each whole or not at all."""
    need("npm")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        archive = _pack(Path(folder))
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        assert NPM_SHA512 == digest, f"{NPM_PACKAGE} has another checksum than the one pinned here"
        with tarfile.open(archive) as members:
            for name in NPM_ROWS:
                content = members.extractfile(f"package/data/{name}")
                assert content is not None, f"{NPM_PACKAGE} holds no {name}"
                partly = Path(folder) / name
                with partly.open("wb") as target:
                    shutil.copyfileobj(content, target)
                # Two workers may get here at the same time; the last one to rename wins, with the same bytes.
                partly.replace(CACHE / name)


def _pack(folder: Path) -> Path:
    """Let npm put the package's archive into a folder."""
    command = ["npm", "pack", NPM_PACKAGE, "--silent", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=NPM_WAIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        lacking("npm", f"`npm pack {NPM_PACKAGE}` did not end within {NPM_WAIT_S} s")
    archives = sorted(folder.glob("*.tgz"))
    if done.returncode != 0 or not archives:
        lacking("npm", f"`npm pack {NPM_PACKAGE}` failed: {done.stderr.strip()[-500:]}")
    return archives[0]
