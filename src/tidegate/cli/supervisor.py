"""
Keeps the product's processes running: starts them, restarts dead ones with back-off, passes signals on.

It knows nothing of what they do. A child gets the listening socket and one end of a pipe of its own, the
lifeline: a byte on it means "begin", its end means that the supervisor died and the child must stop too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidegate.logs import Log

STOP_S_MAX = 9.0
"""After SIGTERM a child has this long before it is killed; with our own part this stays under 10 s."""

STEADY_S = 1.5
"""A child that lived this long starts again at once; one that dies sooner (it takes about half a second to
import everything) waits, longer each time."""

RESTART_S_MAX = 10.0
POLL_S = 0.05

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that end a server, from a terminal too."""


@dataclass(slots=True)
class Child:
    """
    One process to keep alive.

    `begins_after_s`: it starts so long after `begin`, to leave the processors to those that are waited for.
    `due_at` is when it may start, again or late (monotonic seconds).
    """

    name: str
    arguments: Sequence[str]
    begins_after_s: float = 0.0
    process: subprocess.Popen[bytes] | None = None
    lifeline: int = -1
    started_at: float = 0.0
    due_at: float = 0.0
    quick_deaths: int = 0


class Supervisor:
    """Runs children until a signal of `ENDING`; `run` returns when all of them are gone."""

    def __init__(
        self, children: Sequence[Child], *, listening: socket.socket, environ: Mapping[str, str]
    ) -> None:
        self._children = children
        self._listening = listening
        self._environ = environ
        self._stop = threading.Event()
        self._begun = False

    def start(self) -> None:
        """Start every child; they import and wait for `begin`. Signals of `ENDING` end `run` from now on."""
        for number in ENDING:
            # Whoever starts a server with nohup wants it to outlive the terminal.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda _number, _frame: self._stop.set())
        for child in self._children:
            if not child.begins_after_s:
                self._spawn(child)

    def begin(self) -> None:
        """Let the children begin: what they need is set up."""
        self._begun = True
        for child in self._children:
            if child.begins_after_s:
                child.due_at = time.monotonic() + child.begins_after_s
            else:
                self._begin(child)

    def run(self, log: Log) -> None:
        """Watch the children until told to stop, then stop them."""
        while not self._stop.is_set():
            for child in self._children:
                self._watch(child, log)
            self._stop.wait(POLL_S)
        log.info("stopping")
        self.stop(log)

    def stop(self, log: Log) -> None:
        """Ask every child to finish, and kill those that do not in time; no signal ends this process then."""
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_S_MAX
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("killed a process that did not stop", pid=process.pid)
                process.kill()
                process.wait()
        # A second signal, when the interpreter has given up its handlers, would make a good end a bad one.
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)

    def _begin(self, child: Child) -> None:
        with contextlib.suppress(BrokenPipeError):  # it died already; it will be started again
            os.write(child.lifeline, b"1")

    def _spawn(self, child: Child) -> None:
        if child.lifeline >= 0:
            os.close(child.lifeline)
        theirs, child.lifeline = os.pipe()
        child.started_at = time.monotonic()
        child.process = subprocess.Popen(  # noqa: S603 - our own module with our own arguments
            [
                sys.executable,
                "-m",
                "tidegate.cli.processes",
                *child.arguments,
                str(theirs),
                str(self._listening.fileno()),
            ],
            env=dict(self._environ),
            pass_fds=(theirs, self._listening.fileno()),
            stdin=subprocess.DEVNULL,
        )
        os.close(theirs)
        if self._begun:
            self._begin(child)

    def _watch(self, child: Child, log: Log) -> None:
        """Notice a death, and start the child again when it is due."""
        now = time.monotonic()
        if child.process is not None and (code := child.process.poll()) is not None:
            steady = code == 0 or now - child.started_at > STEADY_S
            child.quick_deaths = 0 if steady else child.quick_deaths + 1
            wait_s = (
                0.0
                if child.quick_deaths < 2
                else min(RESTART_S_MAX, 0.1 * 2.0 ** min(child.quick_deaths, 20))
            )
            child.process, child.due_at = None, now + wait_s
            if code != 0:  # a child that ends by itself asks to be started again
                log.error(
                    "process died, starting it again", process=child.name, exit_code=code, wait_s=wait_s
                )
        if child.process is None and now >= child.due_at:
            self._spawn(child)


def wait_for_begin(lifeline: int) -> bool:
    """In a child: wait until the supervisor says begin; False when it died instead."""
    return os.read(lifeline, 1) != b""


def stop_with_parent(lifeline: int) -> None:
    """In a child: from now on end by SIGTERM when the supervisor is gone."""

    def watch() -> None:
        try:
            while os.read(lifeline, 1) != b"":
                pass
        except OSError:
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
