"""What the source must look like, beyond what ruff, mypy and import-linter check."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "stream_guard").rglob("*.py"))
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 40
BROAD = {"Exception", "BaseException"}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for path in SOURCES:
        yield _name(path), ast.parse(path.read_text(encoding="utf-8"))


def test_there_is_source_to_look_at() -> None:
    assert len(SOURCES) > 40


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_files_are_short_and_say_what_they_are_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    assert ast.get_docstring(ast.parse(text))


def test_functions_are_short() -> None:
    long = [
        f"{name}:{node.lineno} {node.name}"
        for name, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def swallowing(tree: ast.AST) -> list[int]:
    """Return the lines of handlers that catch everything and do nothing with it."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and all(map(_does_nothing, node.body))
    ]


def _is_broad(handler: ast.ExceptHandler) -> bool:
    caught = [handler.type] if not isinstance(handler.type, ast.Tuple) else handler.type.elts
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id in BROAD) for kind in caught)


def _does_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass | ast.Continue) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def test_no_failure_is_swallowed() -> None:
    assert [f"{name}:{line}" for name, tree in _trees() for line in swallowing(tree)] == []


@pytest.mark.parametrize(
    "handler", ["except Exception: pass", "except: ...", "except (OSError, BaseException):\n  continue"]
)
def test_the_walk_finds_swallowed_failures(handler: str) -> None:
    assert swallowing(ast.parse(f"for i in x:\n try: f()\n {handler}".replace("\n  ", "\n   ")))
