"""What may be chosen for a job, and how it is laid over the settings of the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stream_guard.errors import SettingsError
from stream_guard.settings import Given, Settings, catalogue, from_values, merge

Chosen = Mapping[str, Any]
"""What was chosen for a job, by section: {"redact": {"style": "solid"}}."""

SECTIONS: Final = ("detect", "track", "zones", "redact", "output")
"""Those that a job may set."""
WITHHELD: Final = ("output.overwrite",)
"""Settings of theirs that make no sense for a job."""
_NEEDED: Final = {*SECTIONS, "limits"}


def laid_over(server: Settings, chosen: Chosen) -> dict[str, Any]:
    """Return the settings of a job as plain data, checked, with no secret and no path in it.

    Raises:
        SettingsError: one is unknown, out of range, or none that a job may set.
    """
    given = {path: Given(value, "the request") for path, value in _flat(chosen).items()}
    whole = merge(from_values(server) | given).settings
    return whole.model_dump(mode="json", include=_NEEDED)


def _flat(chosen: Chosen) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for section, values in chosen.items():
        if section not in SECTIONS or not isinstance(values, Mapping):
            raise SettingsError(f"{section} cannot be set for a job; choose from {', '.join(SECTIONS)}")
        found |= {f"{section}.{name}": value for name, value in values.items()}
    for path in found:
        if path not in catalogue() or path in WITHHELD:
            raise SettingsError(f"{path} is no setting of a job")
    return found
