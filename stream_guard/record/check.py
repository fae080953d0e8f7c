"""Finds out whether a report, and the files it speaks of, are still what they were when it was written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stream_guard.errors import InputError
from stream_guard.record.chain import CHAIN, SEAL, SIGNATURE, SIGNED_BY, digest, dump, links, signed_text
from stream_guard.record.facts import sha256_of
from stream_guard.record.keys import is_signed

_NOT_CHAINED: Final = (CHAIN, SEAL, SIGNATURE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was."""

    part: str
    """"report", "signature", "input", "output", "plan" or "contact_sheet"."""
    says: str


def check(
    report: str | Path, files: Mapping[str, Path] | None = None, public_key: bytes | None = None
) -> list[Finding]:
    """Return everything that is wrong with a report, its signature and the files given by their part in it.

    `files` maps "input", "output", "plan" or "contact_sheet" to where they are now.

    Raises:
        InputError: a file cannot be read.
    """
    try:
        content = Path(report).read_bytes()
    except OSError as exc:
        raise InputError(f"{report}: cannot read the report ({exc.strerror})") from exc
    told = _parsed(content)
    if told is None:
        return [Finding("report", "it is no report, or damaged beyond reading")]
    return [*_changes(content, told), *_unsigned(told, public_key), *_other_files(told, files or {})]


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
        yield Finding("report", "it holds values that no report holds")
        return
    if [entry.get("of") for entry in map(_entry, told[CHAIN])] != [entry["of"] for entry in expected]:
        yield Finding("report", "sections were added, removed or put in another order")
    else:
        yield from _changed_sections(told[CHAIN], expected)
    if told[CHAIN] and told.get(SEAL) != digest(told[CHAIN][-1]):
        yield Finding("report", "the seal is not that of the report")
    if as_written != content:
        yield Finding("report", "the file is not byte for byte as it was written")


def _changed_sections(chain: list[dict[str, Any]], expected: list[dict[str, str]]) -> Iterator[Finding]:
    """Name the sections whose own digest is wrong; else the entries that are, for one breaks all after it."""
    changed = [e["of"] for e, c in zip(expected, chain, strict=True) if c.get("sha256") != e["sha256"]]
    for name in changed:
        yield Finding("report", f"the section {name!r} was changed")
    if not changed and chain != expected:
        yield Finding("report", "the chain was changed")


def _entry(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _unsigned(told: Mapping[str, Any], wanted: bytes | None) -> Iterator[Finding]:
    """Check the signature against the key that is wanted; without one, against the key the report names."""
    named, signature = told[SIGNED_BY], told.get(SIGNATURE)
    if named is None and signature is None:
        if wanted is not None:
            yield Finding("signature", "the report is not signed")
        return
    if wanted is not None and named != wanted.hex():
        yield Finding("signature", "the report was signed with another key, or not at all")
        return
    public, made = _from_hex(named), _from_hex(signature)
    if public is None or made is None or not is_signed(signed_text(str(told.get(SEAL))), made, public):
        yield Finding("signature", "the signature is not valid")


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
            yield Finding(part, f"the report knows of no such file, but {path} was given")
        elif section["sha256"] != sha256_of(path):
            yield Finding(part, f"{path} is not the file of the report, or was changed")
