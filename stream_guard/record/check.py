"""Finds out whether a report, and the files it speaks of, are still what they were when it was written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from stream_guard.errors import InputError
from stream_guard.model.finding import Finding, Kind
from stream_guard.record.chain import CHAIN, SEAL, SIGNATURE, SIGNED_BY, digest, dump, links, signed_text
from stream_guard.record.facts import sha256_of
from stream_guard.record.keys import is_signed

_FILES: Final = ("input", "output", "plan", "contact_sheet")
_NOT_CHAINED: Final = (CHAIN, SEAL, SIGNATURE)


def check_report(
    report: str | Path, files: Mapping[str, Path] | None = None, public_key: bytes | None = None
) -> list[Finding]:
    """Return everything that is wrong with a report, its signature and the files given by their part in it.

    `files` maps "input", "output", "plan" or "contact_sheet" to where they are now. Each finding begins with
    the part that it is about: one of these, "report" or "signature".

    Raises:
        InputError: a file cannot be read.
    """
    try:
        content = Path(report).read_bytes()
    except OSError as exc:
        raise InputError(f"{report}: cannot read the report ({exc.strerror})") from exc
    told = _parsed(content)
    if told is None:
        return [_finding("report", "it is no report, or damaged beyond reading")]
    return [*_changes(content, told), *_unsigned(told, public_key), *_other_files(told, files or {})]


def unchecked(report: str | Path, files: Iterable[str]) -> list[str]:
    """Return the parts of an undamaged report that are files, and not among those given."""
    told = json.loads(Path(report).read_bytes())
    return [part for part in _FILES if part not in files and "sha256" in _entry(told.get(part))]


def _finding(part: str, says: str) -> Finding:
    return Finding(Kind.RECORD, f"{part}: {says}")


def seal_of(report: str | Path) -> str:
    """Return the seal of a report that was checked."""
    return str(json.loads(Path(report).read_bytes())[SEAL])


def _parsed(content: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    known = isinstance(told, dict) and all(isinstance(told.get(key), list) for key in (CHAIN,))
    return told if known and SIGNED_BY in told else None


def _changes(content: bytes, told: Mapping[str, Any]) -> Iterator[Finding]:
    sections = {name: value for name, value in told.items() if name not in _NOT_CHAINED}
    try:
        expected, as_written = list(links(sections)), dump(told).encode("utf-8")
    except ValueError:  # NaN, or half a character: never written by us
        yield _finding("report", "it holds values that no report holds")
        return
    if [entry.get("of") for entry in map(_entry, told[CHAIN])] != [entry["of"] for entry in expected]:
        yield _finding("report", "sections were added, removed or put in another order")
    else:
        yield from _changed_sections(told[CHAIN], expected)
    if told[CHAIN] and told.get(SEAL) != digest(told[CHAIN][-1]):
        yield _finding("report", "the seal is not that of the report")
    if as_written != content:
        yield _finding("report", "the file is not byte for byte as it was written")


def _changed_sections(chain: list[dict[str, Any]], expected: list[dict[str, str]]) -> Iterator[Finding]:
    """Name the sections whose own digest is wrong; else the entries that are, for one breaks all after it."""
    changed = [e["of"] for e, c in zip(expected, chain, strict=True) if c.get("sha256") != e["sha256"]]
    for name in changed:
        yield _finding("report", f"the section {name!r} was changed")
    if not changed and chain != expected:
        yield _finding("report", "the chain was changed")


def _entry(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _unsigned(told: Mapping[str, Any], wanted: bytes | None) -> Iterator[Finding]:
    """Check the signature against the key that is wanted; without one, against the key the report names."""
    named, signature = told[SIGNED_BY], told.get(SIGNATURE)
    if named is None and signature is None:
        if wanted is not None:
            yield _finding("signature", "the report is not signed")
        return
    if wanted is not None and named != wanted.hex():
        yield _finding("signature", "the report was signed with another key, or not at all")
        return
    public, made = _from_hex(named), _from_hex(signature)
    if public is None or made is None or not is_signed(signed_text(str(told.get(SEAL))), made, public):
        yield _finding("signature", "the signature is not valid")


def _from_hex(text: object) -> bytes | None:
    """Return the bytes that a text of lower-case digits stands for; upper case would be a changed byte."""
    try:
        value = bytes.fromhex(str(text))
    except ValueError:
        return None
    return value if value.hex() == text else None


def _other_files(told: Mapping[str, Any], files: Mapping[str, Path]) -> Iterator[Finding]:
    for part, path in files.items():
        section = _entry(told.get(part))
        if "sha256" not in section:
            yield _finding(part, f"the report knows of no such file, but {path} was given")
        elif section["sha256"] != sha256_of(path):
            yield _finding(part, f"{path} is not the file of the report, or was changed")
