"""A contest of loading: the product, a straight script and peers, on the same records, in rounds."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.figures import Budget, at_least, not_measured
from bench.loads import wait_for_requests
from bench.peers.install import NotInstalled, Peer, installed
from bench.plan import Expected, LoadFiles
from bench.programs import IDLE_LOADER, Failed, port_of, run_json, send, serving
from bench.records import BODY_RECORDS

LOAD_BYTES = 8_000_000
"""The product's default; the straight script commits as much at a time."""

FLAWED_SHARE_MAX = 0.001
"""A peer may hold so many rows too few or too many and still be measured; the line then says so."""

CONDITIONS = (
    "from the start of the first load to the end of the last, by the product's own log lines;"
    " the journal was filled before by real pushes"
)


class Warehouse(Protocol):
    """What all contenders load into, each in its turn."""

    @property
    def url(self) -> str:
        """The address as the product takes it."""
        ...

    @property
    def address(self) -> str:
        """The address as scripts take it."""
        ...

    def empty(self) -> None:
        """Leave nothing in it."""
        ...

    def held(self, who: str) -> Expected:
        """Return what it holds of the orders. Errors: Failed when there is no such table."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A peer, the least ratio to it, and the file it is given."""

    peer: Peer
    least: float
    given: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Who loads what into where; `script` is the straight script's module, `note` adds to the conditions."""

    id: str
    what: str
    files: LoadFiles
    warehouse: Warehouse
    script: str
    cache: Path
    rivals: Sequence[Rival] = ()
    note: str = ""

    def measure(self, rounds: int) -> list[Budget]:
        """Fill a journal once; then all contenders load the same records, in rounds."""
        backlog = self._fill()
        peers = [PeerRuns(rival, self) for rival in self.rivals]
        self._straight()
        ours: list[float] = []
        straight: list[float] = []
        loads = 0
        for _ in range(rounds):
            seconds, loads = self._ours(backlog)
            ours.append(self.files.records / seconds)
            straight.append(self.files.records / self._straight())
            for each in peers:
                each.run()
        against_script = at_least(
            self.id,
            f"{self.what}, against a straight script",
            "records/s",
            0.6,
            ours,
            straight,
            records=self.files.records,
            loads_each_run=loads,
            conditions=CONDITIONS + self.note,
        )
        return [against_script, *(each.budget(ours) for each in peers)]

    @property
    def _data_dir(self) -> Path:
        return self.files.folder / self.id.lower().replace(".", "_")

    def _fill(self) -> Path:
        """Return a data folder whose journal holds every body."""
        kept = self._data_dir.with_suffix(".backlog")
        settings: Mapping[str, str] = IDLE_LOADER | {"TIDEGATE_DESTINATION": self.warehouse.url}
        with serving(self._data_dir, **settings) as product:
            requests = self.files.records // BODY_RECORDS
            send(port_of(product), self.files.bodies, requests, token=product.access_token)
            # Told to stop, the loader would load what has gathered; a new one starts later than this.
            product.kill("loader")
            product.kill()
        shutil.copytree(self._data_dir, kept)
        return kept

    def _ours(self, backlog: Path) -> tuple[float, int]:
        """Load the backlog with the product; return seconds and the number of loads."""
        shutil.rmtree(self._data_dir)
        shutil.copytree(backlog, self._data_dir)
        log = self._data_dir.with_suffix(".log")
        log.unlink(missing_ok=True)
        self.warehouse.empty()
        with serving(self._data_dir, TIDEGATE_LOAD_WAIT_S="0", TIDEGATE_LOAD_BYTES=str(LOAD_BYTES)):
            lines = wait_for_requests(log, self.files.records // BODY_RECORDS)
        self._check("the product")
        return lines[-1].finished_at - (lines[0].finished_at - lines[0].seconds), len(lines)

    def _straight(self) -> float:
        """Load the bodies with the straight script; return seconds."""
        self.warehouse.empty()
        command = [sys.executable, "-m", self.script, str(self.files.bodies), self.warehouse.address]
        seconds = float(run_json([*command, str(LOAD_BYTES)])["seconds"])
        self._check("the straight script")
        return seconds

    def _check(self, who: str) -> None:
        """Make sure that the warehouse holds the newest version of every row, once. Errors: Failed."""
        found, expected = self.warehouse.held(who), self.files.expected
        if found != expected:
            raise Failed(f"{who} holds {_words(found)}, not {_words(expected)}")


@dataclass(slots=True)
class PeerRuns:
    """A peer's runs on the same records; whatever hinders it ends them, and is shown in its line."""

    rival: Rival
    contest: Contest
    rates: list[float] = field(default_factory=list)
    why: str = ""
    flaw: str = ""

    def run(self) -> None:
        """Load once into an empty warehouse."""
        if self.why:
            return
        contest, peer = self.contest, self.rival.peer
        try:
            contest.warehouse.empty()
            python = installed(peer, contest.cache)
            report = run_json(
                [str(python), str(peer.script), str(self.rival.given), contest.warehouse.address]
            )
            self._judge(contest.warehouse.held(peer.title))
        except (NotInstalled, Failed) as exc:
            self.why = str(exc)
        else:
            self.rates.append(contest.files.records / float(report["seconds"]))

    def _judge(self, found: Expected) -> None:
        """A few wrong rows are a flaw to tell of; many mean that it did not do the work."""
        expected, title = self.contest.files.expected, self.rival.peer.title
        if found != expected:
            self.flaw = f"{title} holds {_words(found)}, not {_words(expected)}"
        if abs(found.rows - expected.rows) > expected.rows * FLAWED_SHARE_MAX:
            raise Failed(self.flaw)

    def budget(self, ours: list[float]) -> Budget:
        """Return the peer's line."""
        peer, least, contest = self.rival.peer, self.rival.least, self.contest
        id_, what = f"{contest.id}.{peer.short}", f"{contest.what}, against {peer.title}"
        if self.why:
            return not_measured(id_, what, f">= {least:g}x", self.why)
        flaw = {"conditions": f"measured although {self.flaw}"} if self.flaw else {}
        return at_least(
            id_, what, "records/s", least, ours, self.rates, records=contest.files.records, **flaw
        )


def _words(held: Expected) -> str:
    return f"{held.rows} rows (sum {held.quantity}, {held.elements} elements)"
