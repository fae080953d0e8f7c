"""Where a stream is pushed to."""

from __future__ import annotations

from typing import Final

from stream_guard.errors import OutputError
from stream_guard.model.address import SafeUrl

_SCHEMES: Final = ("rtsp", "rtsps", "whip+http", "whip+https")


def target_of(url: str, user: str = "", password: str = "") -> SafeUrl:
    """Return the address of a server that takes streams; for WHIP its password is the bearer token.

    Raises:
        OutputError: it is no address to push to.
    """
    try:
        target = SafeUrl.parsed(url, user, password)
    except ValueError:
        pass  # its words may quote the address, with the password in it
    else:
        if target.url.partition(":")[0] in _SCHEMES:
            return target
    raise OutputError(
        f"streams are pushed to addresses that begin with {', '.join(_SCHEMES)} and a host; write %2F "
        "for a slash in a password, and %40 for an @."
    )
