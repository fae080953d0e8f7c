"""Nothing but the renderer can make a redacted frame: checked in the source, and at run time."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import stream_guard.model
from stream_guard.model.frame import Stamp
from stream_guard.model.picture import Picture
from stream_guard.model.redacted import RedactedFrame
from stream_guard.model.verdict import Cover

PACKAGE = Path(stream_guard.model.__file__).parent.parent
ALLOWED = {"redact/render.py", "model/redacted.py"}


def forgeries(source: str) -> list[int]:
    """Return the lines that touch the seal or call RedactedFrame, under whatever name it was imported."""
    tree = ast.parse(source)
    aliases = {"RedactedFrame"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            aliases |= {a.asname for a in node.names if a.name == "RedactedFrame" and a.asname}
    return sorted(getattr(node, "lineno", 0) for node in ast.walk(tree) if _is_forgery(node, aliases))


def _is_forgery(node: ast.AST, makers: set[str]) -> bool:
    match node:
        case (
            ast.Name(id="RENDER_SEAL") | ast.Attribute(attr="RENDER_SEAL") | ast.Constant(value="RENDER_SEAL")
        ):
            return True
        case ast.alias(name="RENDER_SEAL"):
            return True
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name in makers or (name == "__new__" and _names_a_maker(node, makers))
    return False


def _names_a_maker(node: ast.AST, makers: set[str]) -> bool:
    return any(isinstance(part, ast.Name) and part.id in makers for part in ast.walk(node))


def test_only_the_renderer_makes_redacted_frames() -> None:
    makers = {
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if forgeries(path.read_text())
    }
    assert makers == ALLOWED


@pytest.mark.parametrize(
    "source",
    [
        "from stream_guard.model.redacted import RENDER_SEAL",
        "from stream_guard.model import redacted\nredacted.RENDER_SEAL",
        "getattr(redacted, 'RENDER_SEAL')",
        "frame = redacted.RedactedFrame(seal, picture, cover)",
        "from stream_guard.model.redacted import RedactedFrame as R\nR(1, 2, 3)",
        "object.__new__(RedactedFrame)",
    ],
)
def test_the_walk_finds_forgeries(source: str) -> None:
    assert forgeries(source)


def test_a_frame_without_the_seal_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Redactor\.render"):
        RedactedFrame(object(), Picture(0, 0, tuple, full_range=True), Cover(Stamp(0, 0, 0.0)))
