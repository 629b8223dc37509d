"""The layers of the product, and proof that the check would catch a break."""

from __future__ import annotations

import pytest

from tools.layers import LEVELS, findings, read_sources

SOUND = {
    "tidegate": "",
    "tidegate.errors": "",
    "tidegate.records": "import datetime",
    "tidegate.settings": "from tidegate.errors import SettingInvalid",
    "tidegate.tables": "from tidegate.records import Batch",
    "tidegate.wire": "from tidegate import records",
    "tidegate.journal": "from tidegate.journal.sqlite import SqliteJournal",
    "tidegate.journal.sqlite": "import sqlite3\nfrom tidegate.records import Request",
    "tidegate.control": "import tidegate.errors",
    "tidegate.gate": "from tidegate import __version__\nfrom tidegate.journal import SqliteJournal",
    "tidegate.loader": "from tidegate.tables import prepare",
    "tidegate.cli": "from tidegate.gate import app",
}
PACKAGES = frozenset({"tidegate", "tidegate.journal"})


def test_the_product_keeps_its_layers() -> None:
    """Imports point to lower levels only, pure parts touch nothing outside, no modules form a circle."""
    sources, packages = read_sources()
    assert "" == "\n".join(findings(sources, packages))


def test_the_whole_product_is_looked_at() -> None:
    """The check reads every part that has a level and exists, so a green run is not an empty one."""
    sources, _ = read_sources()
    parts = {module.split(".")[1] for module in sources if "." in module}
    assert {"errors", "records", "settings", "journal", "destinations", "tables"} <= parts
    assert set() == parts - frozenset().union(*LEVELS)


def test_a_sound_product_has_no_findings() -> None:
    """What the layers allow is let through: lower parts, errors from anywhere, a part's own modules."""
    assert [] == findings(SOUND, PACKAGES)


@pytest.mark.parametrize(
    ("module", "source", "wanted"),
    [
        (
            "tidegate.journal.sqlite",
            "from tidegate.gate import app",
            "journal imports gate, which stands above it",
        ),
        (
            "tidegate.tables",
            "import tidegate.journal.sqlite",
            "tables imports journal, which stands above it",
        ),
        ("tidegate.errors", "from tidegate import records", "errors imports records, which stands beside it"),
        ("tidegate.loader", "from tidegate.gate import app", "loader imports gate, which stands beside it"),
        ("tidegate.wire", "from tidegate.tables import x", "wire imports tables, which stands beside it"),
        ("tidegate", "from tidegate import errors", "the package itself imports errors"),
        ("tidegate.stray", "from tidegate import errors", "the part 'stray' stands on no level"),
        ("tidegate.control", "def f():\n    from tidegate.cli import app", "control imports cli"),
        ("tidegate.journal.sqlite", "from ..gate import app", "journal imports gate"),
        (
            "tidegate.control",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tidegate.cli import app",
            "control imports cli",
        ),
    ],
)
def test_a_turned_arrow_is_caught(module: str, source: str, wanted: str) -> None:
    """An import that points up or sideways is named, wherever in the module it stands."""
    found = findings(SOUND | {module: source}, PACKAGES)
    assert any(wanted in line for line in found)


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "import os.path",
        "from pathlib import Path",
        "from urllib.request import urlopen",
        "import pyarrow.parquet",
        "from pyarrow import parquet",
        "from pyarrow import fs",
        "def late():\n    import time",
        "import sqlite3 as anything",
        "open('x')",
        "import datetime\nAT = datetime.datetime.now()",
    ],
)
@pytest.mark.parametrize("module", ["tidegate.wire", "tidegate.tables.prepare", "tidegate.records"])
def test_a_pure_part_that_reaches_outside_is_caught(module: str, source: str) -> None:
    """Files, sockets, clocks, threads and drivers have no way into wire, tables and records."""
    assert 1 == len(findings(SOUND | {module: source}, PACKAGES))


def test_a_circle_is_caught() -> None:
    """Two modules that need each other to be imported are named, with the way round."""
    circle = {
        "tidegate.tables.a": "from tidegate.tables import b",
        "tidegate.tables.b": "import tidegate.tables.a",
    }
    found = findings(SOUND | circle, PACKAGES)
    assert 1 == len(found)
    assert "tidegate.tables.a" in found[0]
    assert "tidegate.tables.b" in found[0]


def test_an_import_inside_a_function_makes_no_circle() -> None:
    """A circle is what breaks importing; a late import within one part does not."""
    late = {
        "tidegate.tables.a": "from tidegate.tables import b",
        "tidegate.tables.b": "def f():\n    import tidegate.tables.a",
    }
    assert [] == findings(SOUND | late, PACKAGES)


def test_what_is_not_python_is_named() -> None:
    """A module that cannot be parsed is a finding of its own and hides no other."""
    found = findings(
        SOUND | {"tidegate.wire": "def", "tidegate.errors": "from tidegate import records"}, PACKAGES
    )
    assert ["tidegate.errors:1", "tidegate.wire:1"] == sorted(line.partition(": ")[0] for line in found)
