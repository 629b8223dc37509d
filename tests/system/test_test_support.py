"""The guards that other tests trust: a missing service, the list of what was exercised, waiting."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.services import PROGRAMS, in_ci, lacking, need
from tests.waiting import wait_until

REPOSITORY = Path(__file__).parent.parent.parent

SAMPLE = '''
import pytest
from tests.services import lacking

@pytest.mark.parametrize("kind", ["duckdb", "memory"])
def test_passes(kind, exercised):
    """."""
    exercised(f"destination: {kind}")

def test_fails(exercised):
    """."""
    exercised("destination: never worked")
    assert 0 == 1

def test_lacks(exercised):
    """."""
    lacking("postgresql", "it is not here")
    exercised("destination: never there")
'''


def run_sample(folder: Path, arguments: list[str], environ: Mapping[str, str]) -> str:
    """Run the sample tests in a pytest of their own with this repository's plugin; return what it prints."""
    sample = folder / "test_sample.py"
    sample.write_text(SAMPLE, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        str(REPOSITORY / "pyproject.toml"),
        "-p",
        "tests.conftest",
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI"))} | {
        **environ
    }
    done = subprocess.run(
        [*command, *arguments, str(sample)],
        cwd=REPOSITORY,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [[], ["-n", "2"]], ids=["one process", "two processes"])
def test_the_run_lists_what_passing_tests_exercised(tmp_path: Path, arguments: list[str]) -> None:
    """What was noted by a test that failed or was skipped is not on the list, and workers' notes are."""
    printed = run_sample(tmp_path, arguments, {})
    listed = printed.partition("really exercised")[2].partition("short test summary")[0].splitlines()[1:]
    assert ["destination: duckdb (1 test)", "destination: memory (1 test)"] == [
        each for each in listed if each.strip("= ")
    ]


@pytest.mark.parametrize(
    ("environ", "summary"), [({}, "1 failed, 2 passed, 1 skipped"), ({"CI": "true"}, "2 failed, 2 passed")]
)
def test_a_missing_service_is_a_skip_at_a_desk_and_a_failure_in_ci(
    tmp_path: Path, environ: Mapping[str, str], summary: str
) -> None:
    """Taking a service away from the CI turns it red."""
    assert summary in run_sample(tmp_path, [], environ).splitlines()[-1]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, False), ("", False), ("false", False), ("0", False), ("true", True), ("1", True)],
)
def test_ci_is_known_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: bool
) -> None:
    """`CI` unset, empty or false is a desk; anything else is the CI."""
    monkeypatch.delenv("CI", raising=False)
    if value is not None:
        monkeypatch.setenv("CI", value)
    assert expected is in_ci()


def test_a_program_off_the_path_is_lacking(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`need` looks for the real program."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match="npm is needed"):
        need("npm")


def test_an_unknown_service_is_an_error() -> None:
    """A slip in a service's name is not a skip."""
    with pytest.raises(KeyError):
        need("nmp")
    assert "npm" in PROGRAMS


def test_lacking_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads the skip knows what to install."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs postgresql: no server program"):
        lacking("postgresql", "no server program")


def test_waiting_returns_the_first_true_value() -> None:
    """The value that ended the wait can be used."""
    values = iter([0, None, "", "here"])
    assert "here" == wait_until(lambda: next(values))


def test_waiting_in_vain_says_what_for() -> None:
    """A hanging product is named, with what was seen last."""
    with pytest.raises(AssertionError, match=r"the tide did not come within 0\.05 s; last seen: 0"):
        wait_until(lambda: 0, within_s=0.05, what="the tide")
