"""One end of a WebRTC connection: offers checked and answered, with no server but this one asked."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import CODECS
from aiortc.exceptions import InvalidStateError, OperationError
from aiortc.rtcpeerconnection import find_common_codecs
from aiortc.sdp import MediaDescription, SessionDescription, candidate_from_sdp

from stream_guard.errors import StreamGuardError
from stream_guard.outputs.opus import OPUS

OFFER_TYPE: Final = "application/sdp"
TRICKLE_TYPE: Final = "application/trickle-ice-sdpfrag"
MOST_BYTES: Final = 64 * 1024
_MOST_SECTIONS: Final = 8
_LOOPBACK: Final = "127.0.0.1"
_BAD_SDP: Final = (
    ValueError, LookupError, TypeError, AttributeError, AssertionError, StopIteration, InvalidStateError,
    OperationError,
)  # fmt: skip
"""What aiortc raises for text that is no SDP, or breaks its rules."""
_UNANSWERABLE: Final = re.compile(r"a=end-of-candidates|a=candidate:(\S+ ){4}\S+\.local ")


class OfferError(StreamGuardError):
    """An offer cannot be understood."""

    code = "bad_offer"


class CodecError(StreamGuardError):
    """An offer has no codec that is spoken here."""

    code = "no_codec"


def cleaned(sdp: str) -> str:
    """Return a description without what keeps ICE waiting: names of .local, and the end of candidates.

    Names could only be asked of the network; a peer that hides its addresses is heard when it calls.
    """
    lines = [line for line in sdp.splitlines() if not _UNANSWERABLE.match(line)]
    return "\r\n".join(lines) + "\r\n"


def parsed(sdp: str) -> SessionDescription:
    """Return an offer that can be answered.

    Raises:
        OfferError: it is no SDP, or has no video that could be sent by WebRTC.
    """
    try:
        description = SessionDescription.parse(cleaned(sdp))
        sections = description.media
        complete = all(m.ice and m.ice.usernameFragment and m.dtls and m.dtls.fingerprints for m in sections)
    except _BAD_SDP as exc:
        raise OfferError("this is no SDP; send the offer of a WebRTC connection.") from exc
    if not any(m.kind == "video" for m in sections):
        raise OfferError("the offer has no video section.")
    if len(sections) > _MOST_SECTIONS or not complete:
        raise OfferError("the offer has sections without ICE or DTLS, or too many of them.")
    return description


def codecs_of(description: SessionDescription) -> list[str]:
    """Return the video codecs that both sides speak, in the order of the offer: "h264", "vp8"."""
    try:
        common = find_common_codecs(CODECS["video"], _video(description).rtp.codecs)
    except _BAD_SDP as exc:
        raise OfferError("the offer's codecs cannot be understood.") from exc
    return list(dict.fromkeys(codec.name.lower() for codec in common if codec.name != "rtx"))


def asks_for_sound(description: SessionDescription) -> bool:
    """Tell whether an offer wants to hear Opus."""
    section = next((media for media in description.media if media.kind == "audio"), None)
    if section is None or section.direction not in ("recvonly", "sendrecv"):
        return False
    return any(codec.name.lower() == OPUS for codec in section.rtp.codecs)


def new_connection() -> RTCPeerConnection:
    """Return a connection that asks no server on the Internet for its address, as aiortc would."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def receive(connection: RTCPeerConnection, sdp: str) -> None:
    """Take an offer.

    Raises:
        OfferError: the connection does not accept it.
    """
    try:
        await connection.setRemoteDescription(RTCSessionDescription(cleaned(sdp), "offer"))
    except _BAD_SDP as exc:
        raise OfferError("the offer cannot be answered; is it complete?") from exc


async def answer(connection: RTCPeerConnection, loopback: bool) -> str:
    """Return the answer to the offer taken before, all candidates in it."""
    await gather(connection, loopback)
    try:
        await connection.setLocalDescription(await connection.createAnswer())
    except _BAD_SDP as exc:
        raise OfferError("the offer cannot be answered; is it complete?") from exc
    return str(connection.localDescription.sdp)


async def gather(connection: RTCPeerConnection, loopback: bool) -> None:
    """Gather candidates; the loopback address too if wanted, or if this machine has no other.

    aioice never takes that one: then two programs on a machine without a network could not meet.
    """
    for transport in {t.receiver.transport.transport for t in connection.getTransceivers()}:
        await transport.iceGatherer.gather()
        ice = transport.iceGatherer._connection
        if loopback or not ice.local_candidates:
            ice._local_candidates += await ice.get_component_candidates(1, [_LOOPBACK])


def negotiated(sdp: str) -> str:
    """Return the codec that an answer settles on."""
    return str(_video(SessionDescription.parse(sdp)).rtp.codecs[0].name).lower()


def ufrag(sdp: str) -> str:
    """Return the ICE user fragment of a description or a fragment of one, empty where it has none."""
    found = re.search(r"^a=ice-ufrag:(\S+)", sdp, re.MULTILINE)
    return found[1] if found else ""


async def add_candidates(connection: RTCPeerConnection, fragment: str) -> None:
    """Add the candidates of a fragment (RFC 8840); those that name no address are passed over.

    Raises:
        OfferError: one of them cannot be understood.
    """
    mid = connection.getTransceivers()[0].mid or "0"
    try:
        for line in cleaned(fragment).splitlines():
            if line.startswith("a=mid:"):
                mid = line[len("a=mid:") :].strip()
            elif line.startswith("a=candidate:"):
                await _add(connection, line[len("a=candidate:") :], mid)
    except _BAD_SDP as exc:
        raise OfferError("the fragment has a candidate that cannot be understood.") from exc


async def _add(connection: RTCPeerConnection, text: str, mid: str) -> None:
    candidate = candidate_from_sdp(text)
    ipaddress.ip_address(candidate.ip)
    candidate.sdpMid = mid
    await connection.addIceCandidate(candidate)


def _video(description: SessionDescription) -> MediaDescription:
    return next(media for media in description.media if media.kind == "video")
