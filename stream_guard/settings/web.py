"""The settings of the web server: where it listens and whom it lets in."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr

from stream_guard.settings.sections import Section, split


class Web(Section):
    """How the viewer page, WHEP, WHIP and the metrics are served."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen at; any that others can reach needs a token, and TLS or a proxy.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen at; 0 takes a free one.")
    token: SecretStr | None = Field(
        default=None,
        description="What viewers, publishers and scrapers must know, 16 characters or more.",
    )
    viewers: int = Field(
        default=50, ge=0, le=1000, description="Viewers of all streams together; more are turned away."
    )
    allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(split)] = Field(
        default=(),
        description="Names by which browsers reach the server, beside localhost and numeric addresses.",
    )
    behind_proxy: bool = Field(
        default=False,
        description="A proxy on this machine ends TLS: believe what it says of clients and addresses.",
    )
    tls_certificate: str = Field(default="", description="PEM file with the certificate, for HTTPS.")
    tls_key: str = Field(default="", description="PEM file with the certificate's key.")
