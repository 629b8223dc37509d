"""
Check the house rules that no linter has.

Usage: python -m tools.house_rules. Prints one line for each break of a rule; exit code 1 when there is one.
A rule is a function from a file's path and text to the lines at fault, so each has tests with texts alone.
"""

from __future__ import annotations

import ast
import builtins
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

REPOSITORY = Path(__file__).parent.parent
FOLDERS = (".ci", "bench", "changelog.d", "docs", "requirements", "src", "tests", "tools")
SKIPPED = frozenset({"__pycache__", "results", ".hypothesis"})

Finding = tuple[int, str]
"""A line number and what is wrong there."""

BROAD = frozenset({"Exception", "BaseException"})
CATCHES_ALL = {
    "src/tidegate/gate/app.py": "the top of a request: every defect becomes an answer",
    "src/tidegate/connect/app.py": "the top of a call: every defect becomes an answer",
    "src/tidegate/loader/lane.py": "the top of a load: one lane's defect must not end the others",
    "src/tidegate/cli/__init__.py": "the top of a command",
}
"""The files that may catch everything, and why."""

OWN_ERRORS = {
    "src/tidegate/gate/body.py": "Disconnected ends inside the gate: there is nobody left to answer",
    "src/tidegate/journal/packing.py": "Unsound ends inside the journal, as an entry reported damaged",
}
"""The files with a public error class of their own that no other part sees, and why."""

MAY_RAISE = frozenset(
    {"NotImplementedError", "AssertionError", "AttributeError", "StopIteration", "SystemExit"}
)
"""Built-in exceptions with a meaning of the language: what is raised for users has a name in errors.py."""

VAGUE_NAMES = frozenset({"util", "utils", "helper", "helpers", "manager", "common", "misc"})

# Written so that they do not find themselves.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|tmp|farm)/\w")
PACKAGE_INDEX = re.compile(
    r"pypi\.org|pythonhoste[d]|npmjs\.(?:org|com)/\w|(?:extra-)?index-ur[l]|find-link[s]"
)
SUPPRESSION = re.compile(r"#\s*(?:(?P<noqa>noqa)|type:\s*ignore)\b(?P<rest>.*)")
NOQA_REASON = re.compile(r":\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)* - \S")
IGNORE_REASON = re.compile(r"\[[a-z, -]+\]\s+# \S")


def _is_test(path: PurePosixPath) -> bool:
    return path.parts[0] == "tests" and path.suffix == ".py"


def _is_product(path: PurePosixPath) -> bool:
    return path.parts[0] == "src" and path.suffix == ".py"


def tests_state_a_promise(path: PurePosixPath, text: str) -> Iterator[Finding]:
    """Every test function has a docstring: the promise it keeps."""
    if _is_test(path):
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and node.name.startswith("test_")
                and not ast.get_docstring(node)
            ):
                yield node.lineno, f"{node.name} has no docstring that says which promise it keeps"


def tests_wait_on_conditions(path: PurePosixPath, text: str) -> Iterator[Finding]:
    """No test sleeps."""
    if _is_test(path):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "sleep":
                yield node.lineno, "a test sleeps; wait on a condition with tests.waiting.wait_until"


def tests_mock_nothing(path: PurePosixPath, text: str) -> Iterator[Finding]:
    """No test imports a mock."""
    if _is_test(path):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import | ast.ImportFrom) and "unittest.mock" in ast.unparse(node).replace(
                "unittest import mock", "unittest.mock"
            ):
                yield (
                    node.lineno,
                    "a test imports a mock; use the memory implementations, which keep the contracts",
                )


def only_the_top_catches_all(path: PurePosixPath, text: str) -> Iterator[Finding]:
    """`except Exception` stands only at the top of a request, a load and a command, or raises again."""
    if _is_product(path) and str(path) not in CATCHES_ALL:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _raises_again(node):
                yield (
                    node.lineno,
                    "catches everything; name the errors, or add the file to CATCHES_ALL with a reason",
                )


def _is_broad(caught: ast.expr | None) -> bool:
    """Whether an except clause takes any error."""
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(each) for each in caught.elts)
    return caught is None or (isinstance(caught, ast.Name) and caught.id in BROAD)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    """Whether a handler only tidies up: its last statement lets the same error go on."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def failures_have_names(path: PurePosixPath, text: str) -> Iterator[Finding]:
    """The product raises no built-in exception for a failure: each is named once, in errors.py."""
    if _is_product(path):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Raise) and node.exc is not None:
                raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                name = raised.id if isinstance(raised, ast.Name) else ""
                known = getattr(builtins, name, None)
                if isinstance(known, type) and issubclass(known, BaseException) and name not in MAY_RAISE:
                    yield node.lineno, f"raises the built-in {name}; use or add a class in errors.py"


def failures_stand_in_one_tree(path: PurePosixPath, text: str) -> Iterator[Finding]:
    """Errors that leave a module are classes of errors.py; a module may have private ones of its own."""
    if _is_product(path) and path.name != "errors.py" and str(path) not in OWN_ERRORS:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                if any(base in BROAD or base.endswith("Error") for base in bases):
                    yield node.lineno, f"{node.name} is an error outside errors.py, where all of them stand"


def exceptions_to_checks_have_reasons(path: PurePosixPath, text: str) -> Iterator[Finding]:
    """`# noqa: CODE - reason` and `# type: ignore[code]  # reason`, never a bare one."""
    if path.suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            found = SUPPRESSION.match(token.string) if token.type == tokenize.COMMENT else None
            if found and not (NOQA_REASON if found["noqa"] else IGNORE_REASON).match(found["rest"]):
                wanted = "# noqa: CODE - reason" if found["noqa"] else "# type: ignore[code]  # reason"
                yield token.start[0], f"{token.string!r} lacks code or reason; write `{wanted}`"


def names_say_something(path: PurePosixPath, _text: str) -> Iterator[Finding]:
    """No module is named after being useful."""
    if path.suffix == ".py" and VAGUE_NAMES & {*path.with_suffix("").parts}:
        yield 1, "the name says nothing of what is in it"


def packages_state_invariants(path: PurePosixPath, text: str) -> Iterator[Finding]:
    """Each part's docstring says its purpose, what it may import, and its invariants, numbered."""
    parts = path.parts
    if parts[:2] == ("src", "tidegate") and len(parts) == 4 and parts[3] == "__init__.py":
        docstring = ast.get_docstring(ast.parse(text)) or ""
        if "import" not in docstring.lower() or not re.search(r"^1\. ", docstring, re.MULTILINE):
            yield 1, "the package docstring needs what it may import (or imports) and numbered invariants"


def nothing_of_this_machine(_path: PurePosixPath, text: str) -> Iterator[Finding]:
    """No path of the machine it was written on, and no package index, whichever it was built from."""
    for number, line in enumerate(text.splitlines(), start=1):
        for pattern in (MACHINE_PATH, PACKAGE_INDEX):
            if found := pattern.search(line):
                yield number, f"names {found[0]!r}, which is a place of one machine or a package index"


RULES: tuple[Callable[[PurePosixPath, str], Iterator[Finding]], ...] = (
    tests_state_a_promise,
    tests_wait_on_conditions,
    tests_mock_nothing,
    only_the_top_catches_all,
    failures_have_names,
    failures_stand_in_one_tree,
    exceptions_to_checks_have_reasons,
    names_say_something,
    packages_state_invariants,
    nothing_of_this_machine,
)


def broken_rules(path: PurePosixPath, text: str) -> list[str]:
    """Check one file against all rules. Shape: path from the repository, text -> a line for each fault."""
    try:
        return [f"{path}:{line}: {what}" for rule in RULES for line, what in rule(path, text)]
    except SyntaxError as exc:
        return [f"{path}:{exc.lineno}: is not Python 3.11: {exc.msg}"]


def repository_files(root: Path = REPOSITORY) -> Iterator[Path]:
    """Yield the text files that belong to the repository: those at its top and in its folders."""
    below = [path for folder in FOLDERS for path in (root / folder).rglob("*")]
    for path in sorted([*root.glob("*"), *below]):
        if path.is_file() and not SKIPPED & {*path.relative_to(root).parts}:
            yield path


def main() -> int:
    """Print what breaks a rule."""
    found: list[str] = []
    for path in repository_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += broken_rules(PurePosixPath(path.relative_to(REPOSITORY).as_posix()), text)
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
