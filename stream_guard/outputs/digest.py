"""What both ends of digest access authentication need."""

from __future__ import annotations

import re
from hashlib import md5
from typing import Final

_FIELD: Final = re.compile(r'(\w+)=(?:"([^"]*)"|([^",\s]+))')


def fields_of(text: str) -> dict[str, str]:
    """Return the fields of a challenge, or of the answer to one; their names in lower case."""
    return {name.lower(): quoted or bare for name, quoted, bare in _FIELD.findall(text)}


def hashed(text: str) -> str:
    """Return the MD5 of a text: what the protocol has, and no client knows more."""
    return md5(text.encode(), usedforsecurity=False).hexdigest()
