"""Starts what is measured, each as processes of its own, and leaves none behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import psutil

from bench.load import TOKEN_ENV
from tests.product import Product

IDLE_LOADER = {"TIDEGATE_LOAD_WAIT_S": "3600", "TIDEGATE_LOAD_BYTES": "1000000000"}
"""Settings with which the loader gathers and never loads, so that accepting has the machine to itself."""

SCRIPT_S_MAX = 900


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
