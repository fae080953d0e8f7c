"""Settings: precedence, origins, and one sentence for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from scripts.settings_table import BEGIN, README, placed
from stream_guard import settings as st
from stream_guard.cli.settings import settings as settings_command
from stream_guard.errors import SettingsError
from stream_guard.outputs import chosen as output
from stream_guard.outputs.branch import LiveEncoding
from stream_guard.outputs.hls import Hls
from stream_guard.outputs.record import Recording
from stream_guard.outputs.rtsp_server import Credentials
from stream_guard.settings.sections import Outputs, Track


def _file(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_layer_outranks_the_one_before_and_is_named(tmp_path: Path) -> None:
    config = _file(tmp_path, '[track]\nhold_s = 2\nlag_s = 2\n[redact]\nstyle = "solid"\n')
    environ = {"STREAM_GUARD_TRACK_LAG_S": "3", "STREAM_GUARD_REDACT_STYLE": "icon"}
    found = st.effective(config, environ, {"style": "mosaic"})
    assert (found.settings.track.hold_s, found.settings.track.lag_s) == (2, 3)
    assert (found.settings.redact.style, found.settings.detect.confidence) == ("mosaic", 0.2)
    assert found.origins["track.hold_s"] == f"file {config}"
    assert found.origins["track.lag_s"] == "variable STREAM_GUARD_TRACK_LAG_S"
    assert found.origins["redact.style"] == "option --style"
    assert found.origins["detect.confidence"] == "default"


def test_the_users_own_file_is_read_but_none_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("settings.toml").write_text("[track]\nhold_s = 9\n")
    Path("stream-guard.toml").write_text("[track]\nhold_s = 9\n")
    own = tmp_path / "home" / ".config" / "stream-guard"
    own.mkdir(parents=True)
    assert st.effective(environ={"HOME": "home"}).settings.track.hold_s == 1
    (own / "settings.toml").write_text("[track]\nhold_s = 5\n")
    assert st.effective(environ={"HOME": "home"}).settings.track.hold_s == 5
    assert st.effective(environ={"XDG_CONFIG_HOME": "home/.config"}).settings.track.hold_s == 5
    named = _file(tmp_path, "[track]\nhold_s = 7\n")
    environ = {"HOME": "home", "STREAM_GUARD_CONFIG": str(named)}
    assert st.effective(environ=environ).settings.track.hold_s == 7


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[detect]\nconfidnce = 0.3\n",
            ["unknown setting detect.confidnce", "mine.toml", "detect.confidence?"],
        ),
        ("[detct]\nconfidence = 0.3\n", ["unknown setting detct.confidence", "detect.confidence?"]),
        ("detect = 3\n", ["unknown setting detect", "mine.toml"]),
        ("[detect.yunet]\nx = 3\n", ["unknown setting detect.yunet.x"]),
        ("[detect]\nconfidence = 2\n", ["detect.confidence is 2", "mine.toml", "0.95"]),
        ("[detect]\nconfidence = nan\n", ["detect.confidence is nan", "finite"]),
        ('[detect]\npreset = "balancd"\n', ["detect.preset is 'balancd'", "balanced?"]),
        ("[detect]\ndetectors = [3]\n", ["detect.detectors is [3]"]),
        ('[redact]\ncolour = "red"\n', ["redact.colour is 'red'", "look like #1a2b3c"]),
        ("[detect\n", ["mine.toml", "not valid TOML"]),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_place(tmp_path: Path, text: str, says: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        st.effective(_file(tmp_path, text), {})
    assert all(part in str(caught.value) for part in says), caught.value
    assert "\n" not in str(caught.value)


def test_a_mistake_in_the_environment_is_named() -> None:
    with pytest.raises(
        SettingsError, match=r"STREAM_GUARD_DETCT_PRESET .* mean STREAM_GUARD_DETECT_PRESET\?"
    ):
        st.effective(environ={"STREAM_GUARD_DETCT_PRESET": "fast"})
    with pytest.raises(SettingsError, match=r"track\.hold_s is 'long' in variable STREAM_GUARD_TRACK_HOLD_S"):
        st.effective(environ={"STREAM_GUARD_TRACK_HOLD_S": "long"})


def test_an_unknown_override_is_named() -> None:
    with pytest.raises(SettingsError, match="unknown setting stlye; did you mean style"):
        st.from_options({"stlye": "solid"})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml: cannot read"):
        st.effective(tmp_path / "absent.toml", {})


def test_a_byte_order_mark_is_no_setting(tmp_path: Path) -> None:
    config = _file(tmp_path, "\N{BYTE ORDER MARK}[track]\nhold_s = 3\n")
    assert st.effective(config, {}).settings.track.hold_s == 3


def test_lists_and_switches_can_be_given_as_text() -> None:
    environ = {"STREAM_GUARD_DETECT_DETECTORS": "yunet, mediapipe", "STREAM_GUARD_REDACT_DRAW_BOXES": "yes"}
    found = st.effective(environ=environ).settings
    assert found.detect.detectors == ("yunet", "mediapipe")
    assert found.redact.draw_boxes is True


def test_the_settings_of_outputs_reach_them(tmp_path: Path) -> None:
    given = {
        "rtsp_password": "a",
        "push_password": "b",
        "push_user": "me",
        "record_minutes": 2,
        "record_gb": 5,
    }
    chosen = Outputs.model_validate(given)
    assert output.serving(chosen, "::1", 0).credentials == Credentials("", "a")
    assert output.serving(Outputs(), "::1", 0).credentials is None
    target = output.target(chosen, "rtsp://host/cam")
    assert (target.url, target.user, target.password) == ("rtsp://host/cam", "me", "b")
    target = output.target(chosen, "rtsp://you:c@host/cam")
    assert (target.url, target.user, target.password) == ("rtsp://host/cam", "you", "c")
    assert output.recording(chosen, tmp_path) == Recording(tmp_path, 120, None, 5)
    assert (output.encoding(chosen), output.hls(chosen, tmp_path)) == (LiveEncoding(), Hls(tmp_path))


def test_names_are_unique_and_described() -> None:
    known = st.catalogue()
    assert len({s.name for s in known.values()}) == len(known)
    assert all(s.info.description for s in known.values())


def test_settings_made_in_code_survive_an_override() -> None:
    mine = st.Settings(track=Track(hold_s=3))
    found = st.merge(st.from_values(mine) | st.from_options({"style": "solid"})).settings
    assert (found.track.hold_s, found.redact.style) == (3, "solid")


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    environ = {"STREAM_GUARD_OUTPUTS_RTSP_PASSWORD": "Canary-7716"}
    found = st.effective(environ=environ)
    password = found.settings.outputs.rtsp_password
    assert password is not None
    assert password.get_secret_value() == "Canary-7716"
    assert "Canary-7716" not in repr(found) + found.settings.model_dump_json()
    shown = CliRunner().invoke(settings_command, [], env=environ)
    assert shown.exit_code == 0
    assert "# rtsp_password = (secret)" in shown.output
    assert "Canary" not in shown.output
    with pytest.raises(SettingsError, match=r"outputs\.push_password is not valid in file") as caught:
        st.effective(_file(tmp_path, "[outputs]\npush_password = 7716\n"), {})
    assert "7716" not in str(caught.value)


def test_a_secret_is_no_option() -> None:
    assert CliRunner().invoke(settings_command, ["--rtsp-password", "x"]).exit_code == 2
    with pytest.raises(SettingsError, match="STREAM_GUARD_OUTPUTS_RTSP_PASSWORD"):
        st.from_options({"rtsp_password": "x"})


@pytest.mark.skipif(not README.exists(), reason="no README in this tree")
def test_the_readme_shows_these_settings() -> None:
    text = README.read_text(encoding="utf-8")
    assert BEGIN in text
    assert placed(text) == text, "run: python -m scripts.settings_table --write"


def test_cameras_have_names_and_their_passwords_may_come_from_the_environment(tmp_path: Path) -> None:
    path = _file(tmp_path, '[sources.front-door]\nurl = "rtsp://h/x"\nuser = "me"\n')
    environ = {"STREAM_GUARD_SOURCES_FRONT_DOOR_PASSWORD": "Canary-1"}
    found = st.effective(path, environ)
    assert found.cameras["front-door"].password.get_secret_value() == "Canary-1"
    assert "Canary-1" not in repr(found)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[sources.door]\nurl = "x"\npasword = "p"\n', r"sources\.door\.pasword .* did you mean password"),
        ("[sources.door]\nuser = 'x'\n", r"sources\.door\.url in .*: Field required"),
        ('[sources.door]\nurl = "x"\ntransport = "http"\n', r"sources\.door\.transport"),
        ('[sources."Front Door"]\nurl = "x"\n', "has a name that cannot be used"),
        ("sources = 3\n", r"one table for each camera"),
    ],
)
def test_a_wrong_camera_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        st.effective(_file(tmp_path, text), {})
