"""What one run of the bench is given: how thorough, how long, where to write, which peers are there."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from bench.peers.install import NotInstalled, Peer

QUICK_S_MAX, FULL_S_MAX = 120, 1_200
"""A run shall be no longer than this, installing peers apart."""

LATE = 0.9

Each = TypeVar("Each")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """
    One run. `folder` is scratch space on the disk that is measured, a new one for each measure.

    `quick` keeps the whole run under two minutes, at the price of a wider spread. `peers` has the Python of
    each peer's environment, or why there is none.
    """

    quick: bool
    folder: Path
    peers: Mapping[Peer, Path | NotInstalled] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)

    def pick(self, quick: int, full: int) -> int:
        """Return the number for this run."""
        return quick if self.quick else full

    @property
    def seconds_max(self) -> int:
        """How long the whole run may take."""
        return self.pick(QUICK_S_MAX, FULL_S_MAX)

    @property
    def seconds(self) -> float:
        """How long it has taken until now."""
        return time.monotonic() - self.begun

    @property
    def begun_late(self) -> bool:
        """Whether so much of the time is over that what has no budget is left out."""
        return self.seconds > self.seconds_max * LATE

    def say(self, text: str) -> None:
        """Tell a waiting person what happens now, and how long it has taken to get there."""
        print(f"bench {self.seconds:5.0f} s  {text}", file=sys.stderr, flush=True)

    def rounds(self, quick: int, full: int, *, seconds: tuple[float, float], least: int = 0) -> Iterator[int]:
        """
        Yield the numbers of the rounds: at least `least`, then while another fits into the seconds.

        Unless it is given, `least` is 1 in a quick run and 2 in a full one.

        Shape: the most rounds, and the seconds, each of a quick and of a full run. So a slow machine gets
        fewer rounds, not a longer run.
        """
        most, seconds_max = self.pick(quick, full), seconds[0 if self.quick else 1]
        least = least or self.pick(1, 2)
        begun = time.monotonic()
        for number in range(most):
            spent = time.monotonic() - begun
            if number >= least and spent * (number + 1) / number > seconds_max:
                return
            self.say(f"  round {number + 1} of {most}")
            yield number

    @contextmanager
    def scratch(self, name: str) -> Iterator[Plan]:
        """Give one measure a folder of its own; what it wrote is gone before the next one begins."""
        folder = self.folder / name
        folder.mkdir()
        try:
            yield replace(self, folder=folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def python_of(self, peer: Peer) -> Path:
        """Return the Python of a peer's environment. Errors: NotInstalled."""
        found = self.peers.get(peer, NotInstalled("nobody installed it"))
        if isinstance(found, NotInstalled):
            raise found
        return found


def in_turn(contenders: Sequence[Each], number: int) -> Sequence[Each]:
    """Return the order of a round: forwards, then backwards, so that nobody always follows the same one."""
    return contenders if number % 2 == 0 else contenders[::-1]
