"""
Check which part of the product imports which: arrows point one way, pure parts touch nothing outside.

Usage: python -m tools.layers. Prints one line for each wrong import; exit code 1 when there is one.
All functions take sources as texts, so that the tests can turn an arrow round and see it caught.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = "tidegate"
SOURCE = Path(__file__).parent.parent / "src"

LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"cli"}),
    frozenset({"console", "connect", "gate", "loader", "notifier", "client"}),
    frozenset({"control", "journal", "destinations"}),
    frozenset({"wire", "tables"}),
    frozenset({"records", "errors", "settings", "decimals", "instants", "logs", "metrics", "crashpoints"}),
)
"""The parts, from those that know all others to those that know none; each may import those below it."""

SIDEWAYS = frozenset({"errors"})
"""What even parts of its own level may import: failures have one tree."""

PURE = frozenset({"wire", "tables", "records", "decimals", "instants"})
"""Parts that take and return values: no file, socket, clock, chance, thread or driver."""

OUTSIDE = frozenset(
    """
    aiofiles aiohttp alembic argon2 asyncio concurrent ctypes dbm duckdb fcntl ftplib getpass glob http
    httpx io logging mmap multiprocessing nats os pathlib prometheus_client psycopg queue random requests
    sched secrets select selectors shelve shutil signal socket socketserver sqlalchemy sqlite3 ssl
    starlette structlog subprocess tempfile termios threading time typer urllib uuid uvicorn
    adbc_driver_manager adbc_driver_postgresql pyarrow.csv pyarrow.dataset pyarrow.feather pyarrow.flight
    pyarrow.fs pyarrow.json pyarrow.orc pyarrow.parquet
    """.split()  # noqa: SIM905 - seventy lines of quotes and commas would hide the names
)
"""Modules through which a part reaches the world, and which a pure part therefore does not import."""

REACHES = frozenset({"open", "input", "print", "exec", "eval", "__import__"})
CLOCKS = frozenset({"now", "utcnow", "today"})


@dataclass(frozen=True, slots=True)
class Import:
    """One module imported by another. `at_load`: while it is itself imported, not later."""

    module: str
    line: int
    target: str
    at_load: bool


def part_of(module: str) -> str | None:
    """Return the part a module of ours belongs to; "" for the package itself, None for others' modules."""
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] if first == PACKAGE else None


def imports_of(module: str, source: str, *, is_package: bool, known: frozenset[str]) -> Iterator[Import]:
    """
    Yield every import of one module, those inside functions and for type checkers included.

    Shape: `known` are the names of our modules; `from a import b` is an import of a.b when that is one.
    """
    tree = ast.parse(source)
    at_load = {id(node) for node in _runs_at_load(tree)}
    here = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        targets: set[str] = set()
        if isinstance(node, ast.Import):
            targets = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            near = here[: len(here) - node.level + 1] if node.level else []
            base = ".".join([*near, *([node.module] if node.module else [])])
            dotted = {alias.name: f"{base}.{alias.name}" for alias in node.names}
            targets = {full if full in known or full in OUTSIDE else base for full in dotted.values()}
        for target in sorted(targets):
            yield Import(module, getattr(node, "lineno", 0), target, id(node) in at_load)


def _runs_at_load(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs when a module is imported: nothing inside functions, nothing for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for statement in child.orelse:
                yield statement
                yield from _runs_at_load(statement)
            continue
        yield child
        yield from _runs_at_load(child)


def wrong_arrows(imports: list[Import]) -> Iterator[str]:
    """Yield a line for each import of ours that does not point to a lower level."""
    level_of = {part: level for level, parts in enumerate(LEVELS) for part in parts}
    for each in imports:
        source, target = part_of(each.module), part_of(each.target)
        if not target or source == target:
            continue
        where = f"{each.module}:{each.line}"
        for part in (source, target):
            if part and part not in level_of:
                yield f"{where}: the part {part!r} stands on no level; add it to LEVELS"
                break
        else:
            if not source:
                yield f"{where}: the package itself imports {target}; it may import nothing of ours"
            elif level_of[source] > level_of[target]:
                yield f"{where}: {source} imports {target}, which stands above it"
            elif level_of[source] == level_of[target] and target not in SIDEWAYS:
                yield f"{where}: {source} imports {target}, which stands beside it"


def impurities(module: str, source: str, imports: list[Import]) -> Iterator[str]:
    """Yield a line for each thing through which a pure part could reach a file, a socket or a clock."""
    if part_of(module) not in PURE:
        return
    for each in imports:
        names = each.target.split(".")
        if any(".".join(names[:end]) in OUTSIDE for end in range(1, len(names) + 1)):
            yield f"{module}:{each.line}: {part_of(module)} is pure and must not import {each.target}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in REACHES:
                yield f"{module}:{node.lineno}: {part_of(module)} is pure and must not call {called.id}()"
            elif isinstance(called, ast.Attribute) and called.attr in CLOCKS:
                yield f"{module}:{node.lineno}: {part_of(module)} is pure: .{called.attr}() reads the clock"


def cycles(imports: list[Import]) -> Iterator[str]:
    """Yield a line when modules of ours import each other while being imported."""
    graph: dict[str, set[str]] = {}
    for each in imports:
        if each.at_load and part_of(each.target) is not None and each.target != each.module:
            graph.setdefault(each.module, set()).add(each.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        yield "these modules import each other in a circle: " + " -> ".join(reversed(exc.args[1]))


def findings(sources: Mapping[str, str], packages: frozenset[str]) -> list[str]:
    """
    Check all modules of the product.

    Shape: module name -> source text, and which of the modules are packages -> one line for each fault.
    """
    known = frozenset(sources)
    every: list[Import] = []
    found: list[str] = []
    for module, source in sorted(sources.items()):
        try:
            ast.parse(source)
        except SyntaxError as exc:
            found.append(f"{module}:{exc.lineno}: is not Python 3.11: {exc.msg}")
            continue
        imports = list(imports_of(module, source, is_package=module in packages, known=known))
        found += impurities(module, source, imports)
        every += imports
    return [*found, *wrong_arrows(every), *cycles(every)]


def read_sources(root: Path = SOURCE) -> tuple[dict[str, str], frozenset[str]]:
    """Read every module of the product. Shape: module name -> text, and the names that are packages."""
    sources: dict[str, str] = {}
    packages: set[str] = set()
    for path in sorted((root / PACKAGE).rglob("*.py")):
        names = path.relative_to(root).with_suffix("").parts
        module = ".".join(names[:-1] if names[-1] == "__init__" else names)
        sources[module] = path.read_text(encoding="utf-8")
        if names[-1] == "__init__":
            packages.add(module)
    return sources, frozenset(packages)


def main() -> int:
    """Print what is wrong."""
    found = findings(*read_sources())
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
