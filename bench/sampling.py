"""Has a sampling profiler watch a gate or a loader at work. The profiler is installed apart, like a peer."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.b1_accept import BUDGETED, CONNECTIONS, Side
from bench.backlogs import fill
from bench.files import LoadFiles
from bench.loads import wait_for_requests
from bench.peers.install import Environment, installed
from bench.programs import Failed, accepting_only, gate_of, loader_of, serving

PY_SPY = Environment(name="py-spy", requirements=("py-spy==0.4.3",))
SAMPLES_PER_S, SECONDS = 500, 8
RECORDS, RECORDS_WARM = 400_000, 6_000
END_S_MAX = 60.0


@dataclass(slots=True)
class Watched:
    """A process that is watched while a block runs; then `stacks` has a line for each kind of sample."""

    what: str
    stacks: str = ""


@dataclass(frozen=True, slots=True)
class Sampler:
    """Watches processes at work; their files are in `folder`, the profiler's environment in `cache`."""

    folder: Path
    cache: Path

    def gate(self) -> Watched:
        """Watch one gate that takes bodies of 100 records as fast as it can."""
        bodies = BUDGETED.written(self.folder)
        with accepting_only(self.folder / "gate") as product:
            gate = Side(gate_of(product), bodies, product.access_token, records=BUDGETED.records)
            gate.warm_up(RECORDS_WARM // BUDGETED.records, SECONDS)
            what = f"One gate, bodies of {BUDGETED.records} flat records, {CONNECTIONS} connections"
            with self._watching(what, gate.server.process.pid) as watched:
                gate.run()
        return watched

    def loader(self) -> Watched:
        """Watch a loader that brings a backlog into DuckDB."""
        files = LoadFiles.written(self.folder / "flat", RECORDS)
        data_dir = self.folder / "loader"
        fill(data_dir, files.bodies, files.requests)
        log = data_dir.with_suffix(".log")
        log.unlink()
        with serving(data_dir, "--workers", "1", TIDEGATE_LOAD_WAIT_S="0") as product:
            what = (
                f"The loader, {RECORDS:,} flat records in bodies of 100, every fifth an update, into DuckDB"
            )
            with self._watching(what, loader_of(product).pid) as watched:
                wait_for_requests(log, files.requests)
        return watched

    @contextmanager
    def _watching(self, what: str, pid: int) -> Iterator[Watched]:
        """Sample all threads of a process that are not idle. Errors: Failed where the profiler may not."""
        profiler = installed(PY_SPY, self.cache).with_name("py-spy")
        out = self.folder / "stacks"
        command = [str(profiler), "record", "--threads", "--format", "raw", "--rate", str(SAMPLES_PER_S)]
        process = subprocess.Popen(
            [*command, "--output", str(out), "--pid", str(pid)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        watched = Watched(what)
        try:
            yield watched
            process.send_signal(signal.SIGINT)  # what it has seen until then is written
            _, said = process.communicate(timeout=END_S_MAX)
        finally:
            process.kill()
            process.wait()
        if not out.exists():
            raise Failed(f"the profiler saw nothing: {said.strip()[-300:]}")
        watched.stacks = out.read_text(encoding="utf-8")


WATCHES: dict[str, Callable[[Sampler], Watched]] = {"gate": Sampler.gate, "loader": Sampler.loader}
