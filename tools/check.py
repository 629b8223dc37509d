"""
Run every check and say which failed: format, lint, types, layers, house rules, lock files, generated pages.

Usage: python -m tools.check. A failing check does not hide the ones after it. Exit code 1 when one failed.
"""

from __future__ import annotations

import subprocess
import sys
import time

PYTHON = sys.executable
CHECKS = {
    "format": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "lint": [PYTHON, "-m", "ruff", "check", "."],
    "types": [PYTHON, "-m", "mypy", "--no-error-summary"],
    "layers": [PYTHON, "-m", "tools.layers"],
    "house rules": [PYTHON, "-m", "tools.house_rules"],
    "lock files": [PYTHON, "-m", "tools.lock_files"],
    "generated pages": [PYTHON, "-m", "tools.reference", "--check"],
}


def main() -> int:
    """Run the checks in order; the output of a failing one is shown whole."""
    failed = []
    for name, command in CHECKS.items():
        began = time.monotonic()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        outcome = "ok" if done.returncode == 0 else "FAILED"
        print(f"check: {name:16} {outcome} ({time.monotonic() - began:.1f} s)", flush=True)
        if done.returncode != 0:
            failed.append(name)
            print((done.stdout + done.stderr).rstrip(), flush=True)
    if failed:
        print(f"check: {', '.join(failed)} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
