"""What a job may choose: the schema of its settings, and choices as they come in addresses."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import Depends, Query
from pydantic import BaseModel

from stream_guard.detect.registry import DETECTORS, GROUPS
from stream_guard.jobs.choice import SECTIONS, WITHHELD, Chosen
from stream_guard.redact.style import Tier
from stream_guard.redact.styles import style_named, style_names
from stream_guard.settings import Settings
from stream_guard.web.refusal import Refusal

_MOST_CHARACTERS: Final = 16_384
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


def _weak_on_request() -> dict[str, Any]:
    """Say that weak styles must be allowed too."""
    weak = [name for name in style_names() if style_named(name).tier is Tier.WEAK]
    return {
        "if": {"properties": {"style": {"enum": weak}}, "required": ["style"]},
        "then": {"properties": {"allow_weak": {"const": True}}, "required": ["allow_weak"]},
    }


def _chosen(
    settings: Annotated[str | None, Query(max_length=_MOST_CHARACTERS, include_in_schema=False)] = None,
) -> Chosen | None:
    return None if settings is None else parsed(settings)


def parsed(text: str) -> Chosen:
    """Return choices that are written as JSON; whether they make sense, the queue knows.

    Raises:
        Refusal: they are no JSON object of sections.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(section, dict) for section in found.values()):
        raise Refusal(422, "settings", 'settings should be JSON like {"redact": {"style": "solid"}}.')
    return found


ChosenHere = Annotated[Chosen | None, Depends(_chosen)]
