"""The shape of a job's id in addresses: what has another is no job, nor mistaken for one."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor

from stream_guard.jobs import names


class _JobId(Convertor[str]):
    """Lets "/archive" and "/events" be what they are."""

    regex = names.ID.pattern

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("job", _JobId())
