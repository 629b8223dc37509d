"""Commands in the test's own process: the same code, without the second that starting one takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from typer.testing import CliRunner

from tidegate.cli import app
from tidegate.errors import TidegateError


def run(data_dir: Path, command: Sequence[str], given: str = "") -> tuple[int, str]:
    """
    Run a command on a data folder, with `given` as standard input; return its exit code and all it says.

    Shape: a refusal's text is its code and message, `unknown: token not found (3)`.
    """
    done = CliRunner().invoke(app, [*command, "--data-dir", str(data_dir)], input=given)
    if isinstance(done.exception, TidegateError):
        return done.exception.exit_code, f"{done.output}{done.exception.code}: {done.exception}"
    assert done.exception is None or isinstance(done.exception, SystemExit), (command, done.exception)
    return done.exit_code, done.output
