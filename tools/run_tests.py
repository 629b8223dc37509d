"""
Run the tests; in CI all checks before them, and both always run to their end.

Usage: python -m tools.run_tests PYTEST_ARGUMENTS. The last line of the output is pytest's own summary, so
that whoever reads a log finds it in one place. Exit code: pytest's, or 1 when only a check failed.
"""

from __future__ import annotations

import subprocess
import sys

from tests.services import in_ci


def main(arguments: list[str]) -> int:
    """Say the plan, then carry it out."""
    checks = in_ci()
    print(
        "test: the plan is "
        + ("all checks (make check), then " if checks else "")
        + "every test under tests/"
    )
    print(
        "test: a missing service "
        + ("fails the run (CI is set)" if checks else "skips its tests (set CI=true to have it fail)"),
        flush=True,
    )
    check_code = (
        subprocess.run([sys.executable, "-m", "tools.check"], check=False).returncode if checks else 0
    )
    if check_code:
        print("test: a check failed, see above; the tests run all the same", flush=True)
    test_code = subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode
    return test_code or check_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
