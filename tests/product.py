"""The product as a real process on a free port, for tests that start, push, kill and look."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.waiting import wait_until
from tidegate.control import setup
from tidegate.control.store import Store

TIDEGATE = (sys.executable, "-m", "tidegate.cli")
START_S_MAX = 60.0


@dataclass(slots=True)
class Product:
    """
    One data folder and the `tidegate serve` that runs on it; `start` again after `kill` or `stop`.

    `about` is the first line of standard output; the access token of the first start is kept.
    """

    data_dir: Path
    flags: Sequence[str] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    about: dict[str, Any] = field(default_factory=dict)
    access_token: str = ""

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return str(self.about["base_url"])

    @property
    def client_id(self) -> int:
        """The account of the first start."""
        return int(self.about["client_id"])

    @property
    def log_path(self) -> Path:
        """Where its log lines go; kept over restarts."""
        return self.data_dir.with_suffix(".log")

    def start(self, *flags: str, **environ: str) -> Product:
        """Start it and wait for its first line; after the first time on the same port."""
        port = self.base_url.rpartition(":")[2] if self.about else "0"
        end = time.monotonic() + START_S_MAX
        about = self._start(port, *flags, **environ)
        while about.get("error") == "address_in_use" and time.monotonic() < end:
            # Somebody's connection has the port for a moment: it was free while nobody listened.
            self._reap()
            about = self._start(port, *flags, **environ)
        self.about = about
        self.access_token = self.about.get("access_token", self.access_token)
        return self

    def _start(self, port: str, *flags: str, **environ: str) -> dict[str, Any]:
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *TIDEGATE,
                    "serve",
                    "--json",
                    "--data-dir",
                    str(self.data_dir),
                    "--port",
                    port,
                    *self.flags,
                    *flags,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self.environ, **environ},
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"it did not start: {self.log_path.read_text()[-2000:]}"
        about: dict[str, Any] = json.loads(line)
        return about

    def processes(self, part: str | None = None) -> list[psutil.Process]:
        """Return its living child processes, all or those of one part (gate, loader)."""
        assert self.process is not None
        try:
            children = psutil.Process(self.process.pid).children()
        except psutil.NoSuchProcess:
            return []
        return [child for child in children if part is None or part in _command_line(child)]

    def kill(self, part: str | None = None) -> int:
        """SIGKILL one part's processes, or the whole tree with the supervisor; tell how many died."""
        victims = self.processes(part)
        if part is None and self.process is not None:
            self.process.kill()
        killed = 0
        for victim in victims:
            try:
                victim.kill()
                killed += 1
            except psutil.NoSuchProcess:
                continue
        if part is None:
            self._reap()
        # Until it is gone, a thread of it may still end what it is doing, and write a last line.
        psutil.wait_procs(victims, timeout=START_S_MAX)
        return killed

    def stop(self) -> int:
        """SIGTERM, as an operator would; return the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def close(self) -> None:
        """Leave nothing running."""
        if self.process is not None:
            self.kill()

    def _reap(self) -> int:
        assert self.process is not None
        code = self.process.wait(START_S_MAX)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def client(self, **options: Any) -> httpx.Client:
        """Return an HTTP client that carries the access token."""
        headers = {"Authorization": f"Bearer {self.access_token}"}
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=60, trust_env=False, **options)

    def record(self, table_name: str, sequence: int, data: dict[str, Any], *key_names: str) -> dict[str, Any]:
        """Return one upsert record as push takes it."""
        return {
            "client_id": self.client_id,
            "table_name": table_name,
            "sequence": sequence,
            "action": "upsert",
            "key_names": list(key_names) or ["id"],
            "data": data,
        }

    def run(self, *arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run another `tidegate` command on the same data folder."""
        done = subprocess.run(
            [*TIDEGATE, *arguments, "--data-dir", str(self.data_dir)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            **options,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Ask the warehouse through `tidegate sql`."""
        return [json.loads(line) for line in self.run("sql", sql, "--format", "jsonl").stdout.splitlines()]

    def status(self) -> dict[str, Any]:
        """Ask `tidegate status`, whatever its exit code."""
        answer: dict[str, Any] = json.loads(self.run("status", "--json", check=False).stdout)
        return answer

    def wait_until_loaded(self, seconds: float = 60.0) -> None:
        """Wait until nothing accepted is left to load."""
        wait_until(
            lambda: self._waiting_requests() == 0,
            within_s=seconds,
            what="the journal empty of waiting requests",
        )

    def metric(self, name: str) -> float:
        """Return one value of `/metrics`: the sum over all labels; an answer without numbers is an error."""
        answer = httpx.get(self.base_url + "/metrics", timeout=30, trust_env=False).raise_for_status()
        values = [
            line.rpartition(" ")[2]
            for line in answer.text.splitlines()
            if line.partition("{")[0].split(" ")[0] == name
        ]
        return sum(float(value) for value in values)

    def _waiting_requests(self) -> float:
        try:
            return self.metric("tidegate_journal_waiting_requests")
        except httpx.HTTPError:
            return -1.0


def set_up_unserved(data_dir: Path) -> Product:
    """Return a data folder as the first start leaves it, and no server on it."""
    data_dir.mkdir(exist_ok=True)
    store = Store.open(data_dir / "control.db")
    setup.set_up(
        store,
        destination_url=f"duckdb:///{data_dir.parent / 'warehouse.duckdb'}",
        owner_email="owner@localhost",
    )
    store.close()
    return Product(data_dir)


def is_gone(process: psutil.Process) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has ended too."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
