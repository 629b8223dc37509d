"""
Check that the lock files pin every package once, by hash, the same in both, and name no package index.

The published clients that tests drive have lock files of their own, in requirements/clients.

Usage: python -m tools.lock_files. Prints one line for each fault; exit code 1 when there is one.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PINNED = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<rest>\S+(?: ; [^\\]+)?) \\$")
ASKED = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


def pins(text: str) -> dict[str, set[str]]:
    """Read a lock file. Shape: text -> package name to its versions, each with the marker it holds under."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if pin := PINNED.match(line):
            found.setdefault(_normal(pin["name"]), set()).add(pin["rest"].strip())
    return found


def faults(runtime: str, dev: str, asked_runtime: list[str], asked_dev: list[str]) -> list[str]:
    """
    Check both lock files against each other and against what is asked for.

    Shape: two lock files' texts, requirement lines of either -> one line for each fault.
    """
    found = [*_places("runtime.txt", runtime), *_places("dev.txt", dev)]
    locked, locked_dev = pins(runtime), pins(dev)
    found += [
        f"{name}: runtime.txt has {sorted(versions)}, dev.txt {sorted(locked_dev.get(name, set()))}"
        for name, versions in sorted(locked.items())
        if _versions(locked_dev.get(name, set())) != _versions(versions)
    ]
    found += [*_missing("runtime.txt", locked, asked_runtime), *_missing("dev.txt", locked_dev, asked_dev)]
    return [f"{each}; run `make lock`" for each in found]


def _versions(pinned: set[str]) -> set[str]:
    """Versions alone: tests may need everywhere what the product needs under a marker."""
    return {each.partition(" ")[0] for each in pinned}


def client_faults(name: str, text: str, asked: list[str]) -> list[str]:
    """Check the lock file of one published client, which shares no package with the others."""
    found = [*_places(name, text), *_missing(name, pins(text), asked)]
    return [f"{each}; run `make lock`" for each in found]


def _places(name: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        if "://" in line or re.search(r"\bindex\b|find-link[s]|trusted-host", line):
            yield f"{name}: line {number} names a place to fetch from: {line.strip()}"


def _missing(file: str, have: Mapping[str, set[str]], asked: Iterable[str]) -> Iterator[str]:
    wanted = {_normal(found[0]) for each in asked if (found := ASKED.match(each))}
    for name in sorted(wanted - set(have)):
        yield f"{file}: {name} is asked for and not pinned"


def _normal(name: str) -> str:
    """Return a package name in the one spelling that all its spellings share."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """Print what is wrong with the lock files of this repository."""
    folder = REPOSITORY / "requirements"
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.*"))}
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *texts["build.in"].splitlines()]
    found = faults(texts["runtime.txt"], texts["dev.txt"], asked, [*asked, *texts["dev.in"].splitlines()])
    for asking in sorted((folder / "clients").glob("*.in")):
        locked = asking.with_suffix(".txt")
        wanted = asking.read_text(encoding="utf-8").splitlines()
        have = locked.read_text(encoding="utf-8") if locked.exists() else ""
        found += client_faults(f"clients/{locked.name}", have, wanted)
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
