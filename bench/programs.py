"""Starts what is measured, each as processes of its own, and leaves none behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import psutil

from bench.load import TOKEN_ENV
from tests.product import Product

SCRIPT_S_MAX = 900
LOADER_S_MAX = 30.0


class Failed(Exception):
    """A program did not do what it should have; the message says which and how."""


@contextmanager
def serving(data_dir: Path, *flags: str, **environ: str) -> Iterator[Product]:
    """Run `tidegate serve` on a data folder while the block runs."""
    product = Product(data_dir, flags=flags, environ=environ)
    try:
        product.start()
        yield product
        product.stop()
    finally:
        product.close()


@contextmanager
def accepting_only(data_dir: Path, **environ: str) -> Iterator[Product]:
    """
    Run one gate on a data folder while the block runs, its loader frozen: accepting has the machine alone.

    Everything is killed afterwards: what gathered stays in the journal, whole and unloaded.
    """
    product = Product(data_dir, flags=("--workers", "1"), environ=environ)
    try:
        product.start()
        loader_of(product).suspend()
        yield product
    finally:
        product.close()


def loader_of(product: Product) -> psutil.Process:
    """Return the loader's process as soon as it can be told from the others. Errors: Failed."""
    end = time.monotonic() + LOADER_S_MAX
    while time.monotonic() < end:
        if found := product.processes("loader"):
            return found[0]
        time.sleep(0.005)
    raise Failed(f"there was no loader within {LOADER_S_MAX:.0f} s")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server process on the loopback address."""

    port: int
    process: psutil.Process

    def cpu_s(self) -> float:
        """Return the processor time it has used, in seconds: less shaken by other programs than the clock."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


def gate_of(product: Product) -> Server:
    """Return the one gate process of a product."""
    (gate,) = product.processes("gate")
    return Server(port_of(product), gate)


@contextmanager
def bare_server(path: Path) -> Iterator[Server]:
    """Run the limit of accepting while the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.limits.accept", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with cast("IO[bytes]", process.stdout) as told:
            yield Server(int(json.loads(told.readline())["port"]), psutil.Process(process.pid))
    finally:
        process.kill()
        process.wait()


def load_command(port: int, bodies: Path, requests: int, *flags: str) -> list[str]:
    """Return the load generator's command line."""
    return [
        *(sys.executable, "-m", "bench.load", "--port", str(port)),
        *("--bodies", str(bodies), "--requests", str(requests), *flags),
    ]


def send(port: int, bodies: Path, requests: int, *flags: str, token: str = "") -> dict[str, Any]:
    """Send requests with the load generator and return its report. Errors: Failed unless all got 201."""
    return accepted(run_json(load_command(port, bodies, requests, *flags), **{TOKEN_ENV: token}))


def accepted(report: dict[str, Any]) -> dict[str, Any]:
    """Return a load generator's report as it is. Errors: Failed unless every answer was 201."""
    if set(report["statuses"]) != {"201"}:
        raise Failed(f"not every request was accepted: {report['statuses']}")
    return report


def run_json(command: list[str], **environ: str) -> dict[str, Any]:
    """Run a program to its end and return the JSON object it printed. Errors: Failed."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=SCRIPT_S_MAX,
        env={**os.environ, **environ},
        start_new_session=True,  # Ctrl-C is ours to handle; the program is killed, and says nothing
    )
    if done.returncode != 0:
        raise Failed(f"{Path(command[1]).name} {command[2]} failed: {done.stderr.strip()[-400:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def port_of(product: Product) -> int:
    """Return the port a product listens on."""
    return int(product.base_url.rpartition(":")[2])
