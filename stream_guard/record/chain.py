"""Chains the sections of a report, so that no byte of it can change unnoticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from stream_guard.record.keys import Signer

CHAIN: Final = "chain"
SEAL: Final = "seal"
SIGNATURE: Final = "signature"
SIGNED_BY: Final = "signed_by"
_START: Final = "0" * 64


def sealed(sections: Mapping[str, Any], signer: Signer | None = None) -> dict[str, Any]:
    """Return the sections with their chain, the seal that stands for all of it, and a signature of the seal.

    One entry of the chain holds the SHA-256 of its section's canonical JSON and of the entry before it; the
    seal is that of the last entry. Whoever has written the seal down, or trusts the key, can tell any change.
    """
    report = {**sections, SIGNED_BY: signer.public.hex() if signer else None}
    chain = list(links(report))
    seal = digest(chain[-1])
    report |= {CHAIN: chain, SEAL: seal}
    if signer is not None:
        report[SIGNATURE] = signer.sign(signed_text(seal)).hex()
    return report


def links(sections: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield one entry for each section, in order."""
    previous = _START
    for name, content in sections.items():
        entry = {"of": name, "sha256": digest(content), "previous": previous}
        yield entry
        previous = digest(entry)


def digest(content: Any) -> str:
    """Return the SHA-256 of plain data as canonical JSON: keys sorted, no spaces, UTF-8."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def dump(report: Mapping[str, Any]) -> str:
    """Return the one way in which a report is written; any other is a change."""
    return json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def signed_text(seal: str) -> bytes:
    """Return what is signed: the seal, with words that keep the signature from meaning anything else."""
    return f"stream-guard report {seal}".encode("utf-8", "backslashreplace")
