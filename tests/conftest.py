"""
What all tests share: the list of what was really exercised, the quiet of unit tests, and how hypothesis runs.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.services import in_ci

UNIT = Path(__file__).parent / "unit"
EXERCISED = "exercised"
_counts = pytest.StashKey[Counter[str]]()

# Machines are shared and noisy, so no example is failed for being slow. In CI the examples are the same each
# time, so that a red run means a change and not luck; a desk looks further with other examples every time.
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if in_ci() else "desk")


# --- What was really exercised -----------------------------------------------------------------------------


@pytest.fixture
def exercised(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """
    Note what this test really drives, such as `exercised("journal: sqlite")`.

    The run ends with the list of what passing tests noted, so that a run which passed over an
    implementation, a service or a client does not look like one that tried it.
    """
    return lambda name: record_property(EXERCISED, name)


def pytest_configure(config: pytest.Config) -> None:
    """Begin the count of this run. Properties of reports come here from all xdist workers."""
    config.stash[_counts] = Counter()
    config.pluginmanager.register(_Exercised(config.stash[_counts]), "tidegate-exercised")


class _Exercised:
    """Counts, for each name, the passing tests that noted it."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self._counts.update({str(value) for name, value in report.user_properties if name == EXERCISED})

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("really exercised")
        for name, count in sorted(self._counts.items()):
            terminalreporter.line(f"{name} ({count} {'test' if count == 1 else 'tests'})")
        if not self._counts:
            terminalreporter.line("nothing that tests note: no implementation, service or client")


# --- Unit tests open nothing -------------------------------------------------------------------------------

_watched = False


_REFUSED = frozenset(
    {"socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.mkdir", "os.remove"}
)


def _refuse_outside(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: while a unit test runs, no socket, no process, no database, and no file but for reading."""
    if _watched and _reaches_outside(event, arguments):
        raise AssertionError(
            f"a unit test must not do {event} {arguments!r}; such a test belongs to another folder"
        )


def _reaches_outside(event: str, arguments: tuple[Any, ...]) -> bool:
    """Tell whether an audited event leaves this process. Source: Python's table of audit events."""
    if event == "sqlite3.connect":
        return bool(arguments[0] != ":memory:")
    if event == "open":
        path, _, flags = arguments
        # hypothesis keeps the examples that failed, so that the next run tries them first.
        return (
            bool(flags & (os.O_WRONLY | os.O_RDWR)) and path != os.devnull and ".hypothesis" not in str(path)
        )
    return event in _REFUSED and ".hypothesis" not in str(arguments[0])


sys.addaudithook(_refuse_outside)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Watch tests under tests/unit while they run (their fixtures may still make folders)."""
    global _watched  # noqa: PLW0603 - an audit hook cannot be removed, so it is switched
    _watched = UNIT in item.path.parents
    try:
        return (yield)
    finally:
        _watched = False
