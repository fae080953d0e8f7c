"""What the scripts take on their command lines."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path


def there(given: str) -> Path:
    """Return the path of a file or folder that is there.

    Raises:
        ArgumentTypeError: it is not.
    """
    path = Path(given)
    if not path.exists():
        raise ArgumentTypeError(f"there is no {given}")
    return path
