"""The house rules that no linter has: the repository keeps them, and a break of each is caught."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from tools.house_rules import REPOSITORY, RULES, broken_rules, repository_files

TEST = "tests/unit/test_x.py"
PRODUCT = "src/tidegate/wire/x.py"
PART = "src/tidegate/wire/__init__.py"

# Put together from pieces, so that this file keeps the rules it tests.
ROOT = "/" + "root/x"
INDEX_HOST = "py" + "pi.org"
INDEX_FLAG = "--index" + "-url"
BARE_NOQA = "x = 1  # no" + "qa"
BARE_IGNORE = "x = 1  # type: ig" + "nore[misc]"

BREAKS = [
    (TEST, "def test_a() -> None:\n    assert x", "tests_state_a_promise"),
    (TEST, "class TestX:\n    async def test_a(self):\n        assert x", "tests_state_a_promise"),
    (TEST, "import time\ntime.sleep(1)", "tests_wait_on_conditions"),
    (TEST, "from time import sleep\nsleep(1)", "tests_wait_on_conditions"),
    ("tests/waiting.py", "import asyncio\nasyncio.sleep(1)", "tests_wait_on_conditions"),
    (TEST, "from unittest.mock import Mock", "tests_mock_nothing"),
    (TEST, "from unittest import mock", "tests_mock_nothing"),
    (PRODUCT, "try:\n    f()\nexcept Exception:\n    pass", "only_the_top_catches_all"),
    (PRODUCT, "try:\n    f()\nexcept:\n    pass", "only_the_top_catches_all"),
    (
        PRODUCT,
        "try:\n    f()\nexcept (ValueError, BaseException) as e:\n    log(e)",
        "only_the_top_catches_all",
    ),
    (PRODUCT, "raise ValueError('x')", "failures_have_names"),
    (PRODUCT, "raise RuntimeError", "failures_have_names"),
    (PRODUCT, "class Gone(TidegateError):\n    pass", "failures_stand_in_one_tree"),
    (PRODUCT, "class Gone(Exception):\n    pass", "failures_stand_in_one_tree"),
    (PRODUCT, BARE_NOQA, "exceptions_to_checks_have_reasons"),
    (PRODUCT, BARE_NOQA + ": A001", "exceptions_to_checks_have_reasons"),
    (TEST, BARE_IGNORE, "exceptions_to_checks_have_reasons"),
    ("src/tidegate/wire/utils.py", "", "names_say_something"),
    ("src/tidegate/helpers/x.py", "", "names_say_something"),
    (PART, '"""Wire. Imports records."""', "packages_state_invariants"),
    (PART, '"""\nWire.\n\n1. It is pure.\n"""', "packages_state_invariants"),
    ("docs/howto/x.md", f"look in {ROOT}", "nothing_of_this_machine"),
    ("requirements/x.txt", f"{INDEX_FLAG} somewhere", "nothing_of_this_machine"),
    ("README.md", f"see {INDEX_HOST}", "nothing_of_this_machine"),
]

KEPT = [
    (TEST, 'def test_a() -> None:\n    """Nothing is lost."""\n    assert 1 == f()'),
    (TEST, "def helper() -> None:\n    pass"),
    ("bench/x.py", "import time\ntime.sleep(1)"),
    (PRODUCT, "try:\n    f()\nexcept ValueError as exc:\n    raise MalformedBody('x') from exc"),
    (PRODUCT, "try:\n    f()\nexcept BaseException:\n    undo()\n    raise"),
    ("src/tidegate/gate/app.py", "try:\n    f()\nexcept Exception as exc:\n    log(exc)"),
    (PRODUCT, "raise NotImplementedError"),
    (PRODUCT, "class _Stop(Exception):\n    pass"),
    ("src/tidegate/errors.py", "class Gone(TidegateError):\n    pass"),
    (PRODUCT, "raise MalformedBody('x')"),
    (PRODUCT, "def f(error):\n    raise error"),
    (PRODUCT, BARE_NOQA + ": A001, B008 - the word people know"),
    (PRODUCT, BARE_IGNORE + "  # the stubs lack it"),
    (PRODUCT, "text = '# no" + "qa'"),
    (PART, '"""\nWire. May import records.\n\n1. It is pure.\n"""'),
    ("docs/howto/x.md", "see https://example.com/root/x and ./tmp/x"),
]


def test_the_repository_keeps_the_house_rules() -> None:
    """No file of the repository breaks a rule."""
    found: list[str] = []
    for path in repository_files():
        name = PurePosixPath(path.relative_to(REPOSITORY).as_posix())
        found += broken_rules(name, path.read_text(encoding="utf-8", errors="replace"))
    assert "" == "\n".join(found)


def test_the_whole_repository_is_looked_at() -> None:
    """Sources, tests, tools, pages and lock files are all among the files read, so green means something."""
    read = {path.relative_to(REPOSITORY).as_posix() for path in repository_files()}
    assert {
        "src/tidegate/errors.py",
        "tools/layers.py",
        "requirements/dev.txt",
        "Makefile",
        ".ci/run",
    } <= read
    assert not any(".venv" in name or "__pycache__" in name for name in read)


@pytest.mark.parametrize(("path", "text", "rule"), BREAKS)
def test_a_break_of_a_rule_is_caught(path: str, text: str, rule: str) -> None:
    """Each rule finds what it forbids, and only that rule does."""
    name = PurePosixPath(path)
    assert [rule] == [each.__name__ for each in RULES if list(each(name, text))]


def test_every_rule_is_seen_to_catch_something() -> None:
    """A rule without a text that breaks it could be one that never fails."""
    assert {rule.__name__ for rule in RULES} == {rule for _, _, rule in BREAKS}


@pytest.mark.parametrize(("path", "text"), KEPT)
def test_what_keeps_the_rules_passes(path: str, text: str) -> None:
    """A rule lets through what looks like a break and is none."""
    assert [] == broken_rules(PurePosixPath(path), text)
