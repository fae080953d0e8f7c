"""The sealed report: any one changed byte, in it or in a file it speaks of, is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_guard.errors import InputError, OutputError
from stream_guard.model.finding import Finding
from stream_guard.record.chain import digest, dump, links, sealed
from stream_guard.record.check import check_report, seal_of, unchecked
from stream_guard.record.facts import sha256_of
from stream_guard.record.keys import Signer, read_public, require_free, write_pair
from tests.test_sinks_publish import small_disk

PARTS = ("input", "output", "plan", "contact_sheet")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two unprotected keys."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("mine", "other"):
        write_pair(folder / name, folder / f"{name}.pub", None)
    return folder


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Path:
    """A folder with a signed report and the files it speaks of."""
    folder = tmp_path_factory.mktemp("record")
    sections: dict[str, Any] = {"stream_guard_report": 2, "elapsed_s": 0.1, "notes": ["é", None, True]}
    for number, part in enumerate(PARTS):
        (folder / part).write_bytes(bytes(range(number, 200)))
        sections[part] = {"path": part, "sha256": sha256_of(folder / part), "fps": 29.97, "bytes": 10}
    report = sealed(sections, Signer.from_file(keys / "mine"))
    (folder / "report.json").write_text(dump(report), encoding="utf-8")
    (folder / "unsigned.json").write_text(dump(sealed(sections)), encoding="utf-8")
    return folder


def _files(folder: Path) -> dict[str, Path]:
    return {part: folder / part for part in PARTS}


def _part(finding: Finding) -> str:
    part, _, says = finding.what.partition(": ")
    assert says
    return part


def _parts(folder: Path, report: Path | None = None, key: Path | None = None) -> set[str]:
    public = read_public(key) if key else None
    found = check_report(report or folder / "report.json", _files(folder), public)
    return {_part(finding) for finding in found}


def test_an_untouched_record_has_no_finding(record: Path, keys: Path) -> None:
    assert _parts(record) == set()
    assert _parts(record, key=keys / "mine.pub") == set()


def test_what_was_not_given_is_named(record: Path) -> None:
    files = _files(record)
    assert unchecked(record / "report.json", files) == []
    del files["plan"]
    assert unchecked(record / "report.json", files) == ["plan"]
    assert len(seal_of(record / "report.json")) == 64


@given(data=st.data())
@pytest.mark.parametrize("name", ["report.json", "unsigned.json"])
def test_any_changed_byte_of_the_report_is_found(record: Path, name: str, data: st.DataObject) -> None:
    content = bytearray((record / name).read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    changed = record / "changed.json"
    changed.write_bytes(content)
    assert _parts(record, changed) & {"report", "signature"}


def test_every_bit_of_the_case_of_a_letter_and_every_space_counts(record: Path) -> None:
    """What JSON and hexadecimal digits mean does not change here; the bytes do."""
    content = (record / "report.json").read_bytes()
    changed = record / "changed.json"
    for place, byte in enumerate(content):
        other = {ord(" "): b"\t", ord("\n"): b" "}.get(byte)
        if chr(byte).isalpha() and chr(byte).islower():
            other = bytes([byte]).upper()
        if other is not None:
            changed.write_bytes(content[:place] + other + content[place + 1 :])
            assert _parts(record, changed), content[place - 20 : place + 5]


@pytest.mark.parametrize("change", [b"", b" ", b"\n", b"\x00", b"{}"])
def test_bytes_that_are_added_or_cut_off_are_found(record: Path, change: bytes) -> None:
    content = (record / "report.json").read_bytes()
    changed = record / "changed.json"
    for altered in (content[:-1] + change, content + change if change else content[1:]):
        changed.write_bytes(altered)
        assert (altered == content) != bool(_parts(record, changed))


@given(data=st.data())
@pytest.mark.parametrize("part", PARTS)
def test_any_changed_byte_of_a_file_is_found(record: Path, part: str, data: st.DataObject) -> None:
    content = (record / part).read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    flip = data.draw(st.integers(1, 255))
    try:
        (record / part).write_bytes(content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :])
        assert _parts(record) == {part}
    finally:
        (record / part).write_bytes(content)


def _rewritten(record: Path, change: dict[str, Any]) -> Path:
    """Return a report that was changed and carefully sealed anew, under its old signature."""
    told = json.loads((record / "report.json").read_text(encoding="utf-8"))
    sections = {k: v for k, v in told.items() if k not in ("chain", "seal", "signature")} | change
    chain = list(links(sections))
    forged = {**sections, "chain": chain, "seal": digest(chain[-1]), "signature": told["signature"]}
    path = record / "forged.json"
    path.write_text(dump(forged), encoding="utf-8")
    return path


def test_a_report_that_was_sealed_anew_fails_by_its_signature(record: Path, keys: Path) -> None:
    assert _parts(record, _rewritten(record, {"notes": []})) == {"signature"}
    stripped = _rewritten(record, {"signed_by": None})
    assert _parts(record, stripped) == {"signature"}
    told = json.loads(stripped.read_text())
    del told["signature"]
    stripped.write_text(dump(told), encoding="utf-8")
    assert _parts(record, stripped, keys / "mine.pub") == {"signature"}
    assert _parts(record, stripped) == set()  # without a key to expect nothing can tell


def test_another_key_is_told(record: Path, keys: Path) -> None:
    (finding,) = check_report(record / "report.json", public_key=read_public(keys / "other.pub"))
    assert "another key" in finding.what


def test_another_seal_is_found_without_a_signature(record: Path) -> None:
    told = json.loads((record / "unsigned.json").read_text(encoding="utf-8"))
    changed = record / "changed.json"
    changed.write_text(dump(told | {"seal": "0" * 64}), encoding="utf-8")
    assert [f.what for f in check_report(changed)] == ["report: the seal is not that of the report"]


def test_the_changed_section_is_named(record: Path) -> None:
    content = (record / "report.json").read_text(encoding="utf-8")
    changed = record / "changed.json"
    changed.write_text(content.replace('"elapsed_s": 0.1', '"elapsed_s": 0.2'), encoding="utf-8")
    assert [f.what for f in check_report(changed)] == ["report: the section 'elapsed_s' was changed"]


def test_a_file_that_the_report_does_not_know_is_told(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(dump(sealed({"plan": None})))
    (tmp_path / "plan.json").write_text("{}")
    (finding,) = check_report(tmp_path / "report.json", {"plan": tmp_path / "plan.json"})
    assert (_part(finding), "no such file" in finding.what) == ("plan", True)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"{}", b"\xff", b'{"chain": 3}', b'{"chain": [], "signed_by": NaN}', b"[" * 9999],
)
def test_what_is_no_report_is_a_finding(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(content)
    assert {_part(finding) for finding in check_report(path)} >= {"report"}


def test_a_missing_report_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the report"):
        check_report(tmp_path / "absent.json")


# -- keys ---------------------------------------------------------------------------------------------


def test_a_protected_key_needs_its_passphrase(tmp_path: Path) -> None:
    key, public = tmp_path / "key", tmp_path / "key.pub"
    write_pair(key, public, "correct horse")
    assert b"ENCRYPTED" in key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    assert Signer.from_file(key, lambda: "correct horse").public == read_public(public)
    with pytest.raises(InputError, match="wrong passphrase"):
        Signer.from_file(key, lambda: "wrong")
    with pytest.raises(InputError, match="nobody was asked"):
        Signer.from_file(key)


def test_a_key_is_never_overwritten(keys: Path) -> None:
    before = (keys / "mine").read_bytes()
    with pytest.raises(OutputError, match="cannot be made again"):
        write_pair(keys / "mine", keys / "new.pub", None)
    with pytest.raises(OutputError, match=r"mine\.pub exists"):
        require_free(keys / "new", keys / "mine.pub")
    assert (keys / "mine").read_bytes() == before


def test_half_a_pair_is_not_left(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_pair(tmp_path / "key", tmp_path / "absent" / "key.pub", None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not an Ed25519 private key"):
        Signer.from_file(path)
    with pytest.raises(InputError, match="not an Ed25519 public key"):
        read_public(path)


def test_the_public_key_is_not_taken_for_the_private_one(keys: Path) -> None:
    with pytest.raises(InputError, match="not an Ed25519 private key"):
        Signer.from_file(keys / "mine.pub")
    with pytest.raises(InputError, match="not an Ed25519 public key"):
        read_public(keys / "mine")


@pytest.mark.parametrize(("room", "passphrase"), [(100, None), (150, "correct horse")])
def test_a_full_disk_leaves_no_half_of_a_key(tmp_path: Path, room: int, passphrase: str | None) -> None:
    with small_disk(room), pytest.raises(OutputError, match="key cannot be written: File too large"):
        write_pair(tmp_path / "key", tmp_path / "key.pub", passphrase)
    assert list(tmp_path.iterdir()) == []
