"""
Published clients of the Stitch Import API, each at a pinned version in an environment of its own.

Python ones are installed from requirements/clients/<name>.txt with hashes, JavaScript ones from an archive of
a pinned checksum; both into .cache/clients, once, and kept between runs.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.services import lacking, need

REPOSITORY = Path(__file__).parent.parent.parent
CACHE = REPOSITORY / ".cache" / "clients"
INSTALL_S_MAX = 400
STITCHCLIENT_DRIVER = Path(__file__).parent / "stitchclient_push.py"
TRANSIT_JS_DRIVER = Path(__file__).parent / "transit_push.js"

TRANSIT_JS = "transit-js@0.8.874"
TRANSIT_JS_SHA512 = "IDJJGKRzUbJHmN0P15HBBa05nbKor3r2MmG6aSt0UxXIlJZZKcddTk67/U7WyAeW9Hv/VYI02IqLzolsC4sbPA=="


def python_client(name: str) -> Path:
    """Return the folder of programs of a Python client's environment, made on first use."""
    pinned = (REPOSITORY / "requirements" / "clients" / f"{name}.txt").read_text(encoding="utf-8")
    folder = CACHE / name
    stamp = folder / ".installed"
    with _alone(name):
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != pinned:
            shutil.rmtree(folder, ignore_errors=True)
            _run(name, [sys.executable, "-m", "venv", str(folder)])
            pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
            lock = REPOSITORY / "requirements" / "clients" / f"{name}.txt"
            _run(name, [*pip, "install", "--quiet", "--require-hashes", "-r", str(lock)])
            stamp.write_text(pinned, encoding="utf-8")
    return folder / "bin"


def transit_js() -> Path:
    """Return the folder with `node_modules` that holds transit-js, fetched on first use."""
    need("node")
    need("npm")
    folder = CACHE / "transit-js"
    package = folder / "node_modules" / "transit-js"
    with _alone("transit-js"):
        if not package.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            _run("npm", ["npm", "pack", TRANSIT_JS, "--silent", "--pack-destination", str(folder)])
            archive = next(folder.glob("*.tgz"))
            digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
            assert TRANSIT_JS_SHA512 == digest, f"{TRANSIT_JS} has another checksum than the one pinned here"
            with tarfile.open(archive) as members:
                members.extractall(folder, filter="data")
            package.parent.mkdir()
            (folder / "package").replace(package)
    return folder


def driven(
    program: Sequence[str], told: Mapping[str, Any], *, within_s: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a program that drives a client, and tell it what to push as JSON on its standard input."""
    return subprocess.run(
        program,
        input=json.dumps(told),
        capture_output=True,
        text=True,
        env={**os.environ, "no_proxy": "*"},
        timeout=within_s,
        check=False,
    )


def stitchclient_pushing(
    base_url: str, token: str, client_id: int, records: Sequence[Mapping[str, Any]], **options: Any
) -> subprocess.CompletedProcess[str]:
    """Push records with the package `stitchclient`; the options go to its `Client`."""
    python = python_client("stitchclient") / "python"
    told = {
        "url": f"{base_url}/v2/import/push",
        "token": token,
        "client_id": client_id,
        "records": records,
        "options": options,
    }
    return driven([str(python), str(STITCHCLIENT_DRIVER)], told)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Let one worker install while the others wait; the lock goes with the process."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(name: str, command: list[str]) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_S_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        lacking(name, f"its installation took more than {INSTALL_S_MAX} s")
    if done.returncode != 0:
        lacking(name, f"its installation failed: {done.stderr.strip()[-500:]}")
