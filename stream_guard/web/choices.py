"""What a job may choose: the schema of its settings, and choices as they come in addresses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from stream_guard.detect.registry import DETECTORS, GROUPS
from stream_guard.errors import SettingsError
from stream_guard.jobs.choice import SECTIONS, WITHHELD, Chosen
from stream_guard.model.polygon import MOST_CORNERS
from stream_guard.redact.style import Tier
from stream_guard.redact.styles import style_named, style_names
from stream_guard.settings import Settings
from stream_guard.web.refusal import Refusal

MOST_CHARACTERS: Final = 16_384
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "integer": (int,), "number": (int, float), "string": (str,), "array": (list,), "boolean": (),
}  # fmt: skip
SCHEMA: Final = "JobSettings"
IN_ADDRESS: Final = {
    "parameters": [
        {
            "name": "settings",
            "in": "query",
            "description": "What differs from the server's settings, by section.",
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{SCHEMA}"}}},
            "example": {"redact": {"style": "solid"}},
        }
    ]
}
"""FastAPI knows no JSON in addresses: this documents it."""
_SHARE: Final = {"type": "number", "minimum": 0, "maximum": 1}
_CORNER: Final = {"type": "array", "items": _SHARE, "minItems": 2, "maxItems": 2}
_ZONE: Final = {"type": "array", "items": _CORNER, "minItems": 3, "maxItems": MOST_CORNERS}


def schema_of(settings: Settings) -> dict[str, Any]:
    """Return the JSON Schema of what a job may choose, with these settings as defaults."""
    sections = {name: _section(name, getattr(settings, name)) for name in SECTIONS}
    return {
        "title": SCHEMA,
        "description": "What a job may choose; what it leaves out is as the server has it.",
        "type": "object",
        "properties": sections,
        "additionalProperties": False,
    }


def _section(name: str, values: BaseModel) -> dict[str, Any]:
    schema = type(values).model_json_schema()
    for field, default in values.model_dump(mode="json").items():
        if f"{name}.{field}" in WITHHELD:
            del schema["properties"][field]
        else:
            schema["properties"][field]["default"] = default
    _name_the_choices(name, schema)
    return schema


def _name_the_choices(section: str, schema: dict[str, Any]) -> None:
    """Say which words are taken where the settings take any, for more may be plugged in."""
    if section == "redact":
        schema["properties"]["style"]["enum"] = list(style_names())
        schema |= _weak_on_request()
    if section == "detect":
        schema["properties"]["detectors"]["items"]["enum"] = [*DETECTORS, *GROUPS]
    if section == "zones":
        for field in schema["properties"].values():
            field["maxItems"], field["items"] = field.pop("maxLength"), _ZONE


def _weak_on_request() -> dict[str, Any]:
    """Say that weak styles must be allowed too."""
    weak = [name for name in style_names() if style_named(name).tier is Tier.WEAK]
    return {
        "if": {"properties": {"style": {"enum": weak}}, "required": ["style"]},
        "then": {"properties": {"allow_weak": {"const": True}}, "required": ["allow_weak"]},
    }


def parsed(text: str) -> Chosen:
    """Return choices that are written as JSON; whether they make sense, the queue knows.

    Raises:
        Refusal: they are no JSON object of sections.
    """
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()  # half a character could be told to nobody
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(section, dict) for section in found.values()):
        raise Refusal(422, "settings", 'settings should be JSON like {"redact": {"style": "solid"}}.')
    return found


def require_kinds(chosen: Chosen, schema: Mapping[str, Any]) -> None:
    """Refuse values of another kind than the schema has; the settings themselves take "yes" and "18" too.

    Raises:
        SettingsError: a value is of another kind; says which.
    """
    for section, values in chosen.items():
        if not isinstance(values, Mapping):
            raise SettingsError(f"{section} should hold settings by name, not {values!r}")
        known = schema["properties"].get(section, {}).get("properties", {})
        for field, value in values.items():
            kind = known.get(field, {}).get("type")
            if kind is not None and not _is(kind, value):
                raise SettingsError(f"{section}.{field} should be of the kind {kind}, not {value!r}")


def _is(kind: str, value: object) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS[kind])
