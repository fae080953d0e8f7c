"""Properties of the mask: nothing of a face box stays, nothing outside changes, on every layout of planes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream_guard.errors import PipelineError, SettingsError
from stream_guard.model.frame import Frame, Stamp
from stream_guard.model.geometry import Box, Orientation
from stream_guard.model.picture import Channel, Component, Picture
from stream_guard.model.verdict import Cover, Origin, Region
from stream_guard.redact.mask import CHROMA_EXTRA_PX, Margins, mask_of
from stream_guard.redact.render import FORGET_AFTER, MaskRedactor
from stream_guard.redact.style import Tier
from stream_guard.redact.styles import style_named, style_names

KEY = bytes(range(32))
TIGHT = Margins(side=0, above=0, below=0, radius=0.25, least_px=1)
"""No margin that would hide a mistake in rounding."""
FROZEN = [name for name in style_names() if name != "classic"]
YUV = (Component.LUMA, Component.CB, Component.CR)
RGBA = (Component.RED, Component.GREEN, Component.BLUE, Component.ALPHA)


@dataclass(frozen=True)
class Layout:
    components: tuple[Component, ...]
    step_x: int = 1
    step_y: int = 1
    bits: int = 8
    shift: int = 0
    packed: bool = False


LAYOUTS = {
    "yuv420p": Layout(YUV, 2, 2),
    "yuv422p": Layout(YUV, 2, 1),
    "yuv444p": Layout(YUV),
    "yuv411p": Layout(YUV, 4, 1),
    "yuv410p": Layout(YUV, 4, 4),
    "yuv420p10": Layout(YUV, 2, 2, 10),
    "p010": Layout(YUV, 2, 2, 10, 6),
    "yuva420p": Layout((*YUV, Component.ALPHA), 2, 2),
    "gray": Layout((Component.LUMA,)),
    "gray16": Layout((Component.LUMA,), bits=16),
    "rgba": Layout(RGBA, packed=True),
    "gbrp12": Layout(RGBA[:3], bits=12),
}
ORIENTATIONS = [Orientation(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


def picture(
    layout: Layout, width: int, height: int, seed: int = 0, turned: Orientation = ORIENTATIONS[0]
) -> Picture:
    """Return a picture of noise whose channels are upright views into memory that is stored turned."""
    random = np.random.default_rng(seed)
    dtype = np.uint8 if layout.bits == 8 else np.uint16
    count = len(layout.components)
    pack = np.empty((height, width, count), dtype) if layout.packed else None
    channels = []
    for number, component in enumerate(layout.components):
        chroma = component in (Component.CB, Component.CR)
        step_x, step_y = (layout.step_x, layout.step_y) if chroma else (1, 1)
        shape = (math.ceil(height / step_y), math.ceil(width / step_x))
        stored = np.empty(shape[::-1] if turned.swaps_axes else shape, dtype)
        upright = turned.upright(stored) if pack is None else pack[..., number]
        upright[...] = random.integers(0, 1 << layout.bits, shape) << layout.shift
        channels.append(Channel(component, upright, step_x, step_y, layout.bits, layout.shift))
    return Picture(width, height, lambda: tuple(channels), full_range=False)


def rendered(redactor: MaskRedactor, seen: Picture, boxes: dict[int, Box], index: int = 0) -> Picture:
    stamp = Stamp(0, index, index / 25)
    regions = tuple(Region(track, box, Origin.DETECTED) for track, box in boxes.items())
    return redactor.render(Frame(stamp, seen, None), Cover(stamp, regions)).picture


def redactor(name: str, draw_boxes: bool = False, margins: Margins | None = None) -> MaskRedactor:
    return MaskRedactor(style_named(name), key=KEY, draw_boxes=draw_boxes, margins=margins)


def samples_of(seen: Picture) -> list[NDArray[np.int64]]:
    return [channel.samples.astype(np.int64) for channel in seen.channels]


def touched_by(channel: Channel, box: Box) -> tuple[slice, slice]:
    """Return the samples of which any part lies in a box of upright pixels."""
    height, width = channel.samples.shape
    part = box.scaled(1 / channel.step_x, 1 / channel.step_y).clipped(width, height)
    return slice(math.floor(part.y0), math.ceil(part.y1)), slice(math.floor(part.x0), math.ceil(part.x1))


sizes = st.integers(17, 130)
edges = st.floats(-150, 250)
face_boxes = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h), edges, edges, st.floats(1, 120), st.floats(1, 120)
)


@settings(max_examples=120, deadline=None)
@given(
    sizes, sizes, face_boxes, st.sampled_from(sorted(LAYOUTS)), st.sampled_from(ORIENTATIONS),
    st.sampled_from([None, TIGHT]),
)  # fmt: skip
def test_the_whole_face_box_is_covered_on_every_channel(
    width: int, height: int, box: Box, layout: str, turned: Orientation, margins: Margins | None
) -> None:
    """A solid mask makes each touched sample constant; the noise under it differs between two runs."""
    first, second = (picture(LAYOUTS[layout], width, height, seed, turned) for seed in (1, 2))
    for seen in (first, second):
        rendered(redactor("solid", margins=margins), seen, {7: box})
    for a, b in zip(first.channels, second.channels, strict=True):
        inside = touched_by(a, box)
        assert np.array_equal(a.samples[inside], b.samples[inside])
        assert len(np.unique(a.samples[inside])) <= 1
        if a.component is Component.ALPHA:
            assert np.all(a.samples[inside] == a.peak)


@settings(max_examples=120, deadline=None)
@given(
    sizes, sizes, face_boxes, st.sampled_from(sorted(LAYOUTS)), st.sampled_from(style_names()),
    st.sampled_from(ORIENTATIONS),
)  # fmt: skip
def test_nothing_changes_outside_the_mask_and_its_soft_edge(
    width: int, height: int, box: Box, layout: str, name: str, turned: Orientation
) -> None:
    style = style_named(name)
    seen = picture(LAYOUTS[layout], width, height, 3, turned)
    before = samples_of(seen)
    rendered(redactor(name), seen, {1: box})
    reach = style.soft_px + CHROMA_EXTRA_PX
    limit = mask_of(box, style.margins).box.grown(reach, reach, reach, reach)
    for channel, old in zip(seen.channels, before, strict=True):
        new = channel.samples.astype(np.int64)
        inside = touched_by(channel, limit)
        new[inside] = old[inside] = 0
        assert np.array_equal(new, old)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(face_boxes, min_size=1, max_size=4), st.sampled_from(sorted(LAYOUTS)), st.sampled_from(FROZEN)
)
def test_a_born_track_shows_nothing_of_later_frames(boxes: list[Box], layout: str, name: str) -> None:
    """Two runs share the first frame and differ in every sample of the second: the masks agree."""
    outcomes = []
    faces = dict(enumerate(boxes))
    for seed in (10, 11):
        run = redactor(name)
        rendered(run, picture(LAYOUTS[layout], 97, 83, 5), faces, 0)
        outcomes.append(rendered(run, picture(LAYOUTS[layout], 97, 83, seed), faces, 1))
    for a, b in zip(outcomes[0].channels, outcomes[1].channels, strict=True):
        for box in boxes:
            inside = touched_by(a, box)
            assert np.array_equal(a.samples[inside], b.samples[inside])


def test_classic_does_show_the_frame_and_says_so() -> None:
    """The property above can fail: the one style that blurs what it hides fails it, and is marked weak."""
    face = {1: Box(10, 10, 60, 60)}
    run = redactor("classic")
    first = rendered(run, picture(LAYOUTS["gray"], 80, 80, 1), face, 0)
    second = rendered(run, picture(LAYOUTS["gray"], 80, 80, 2), face, 1)
    assert not np.array_equal(
        first.channels[0].samples[10:60, 10:60], second.channels[0].samples[10:60, 10:60]
    )
    assert style_named("classic").tier is Tier.WEAK


@pytest.mark.parametrize("name", FROZEN)
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_face_that_fills_the_frame_leaves_no_sample(name: str, layout: str) -> None:
    for box in (Box(0, 0, 61, 47), Box(-1e9, -1e9, 1e9, 1e9)):
        run, other = redactor(name), redactor(name)
        first, second = (picture(LAYOUTS[layout], 61, 47, seed) for seed in (1, 2))
        for one in (run, other):
            rendered(one, picture(LAYOUTS[layout], 61, 47, 9), {1: box}, 0)
        rendered(run, first, {1: box}, 1)
        rendered(other, second, {1: box}, 1)
        assert all(map(np.array_equal, samples_of(first), samples_of(second)))


@pytest.mark.parametrize("name", style_names())
@pytest.mark.parametrize("corner", [(0, 0), (63, 0), (0, 49), (63, 49)])
@pytest.mark.parametrize("turned", ORIENTATIONS)
def test_faces_at_the_border_are_covered_to_the_last_sample(
    name: str, corner: tuple[int, int], turned: Orientation
) -> None:
    x, y = corner
    box = Box(x - 20, y - 22, x + 20, y + 22)
    seen = picture(LAYOUTS["yuv420p"], 63, 49, 1, turned)
    before = samples_of(seen)
    rendered(redactor(name), seen, {1: box})
    for channel, old in zip(seen.channels, before, strict=True):
        row, column = (-1 if y else 0), (-1 if x else 0)
        edge_row = channel.samples[row, touched_by(channel, box)[1]]
        edge_column = channel.samples[touched_by(channel, box)[0], column]
        assert np.mean(edge_row != old[row, touched_by(channel, box)[1]]) > 0.8
        assert np.mean(edge_column != old[touched_by(channel, box)[0], column]) > 0.8


@pytest.mark.parametrize("box", [Box(-500, -500, -300, -300), Box(900, 10, 990, 60), Box(10, 400, 60, 460)])
@pytest.mark.parametrize("name", style_names())
def test_a_face_outside_the_picture_paints_nothing(box: Box, name: str) -> None:
    seen = picture(LAYOUTS["yuv420p"], 64, 48)
    before = samples_of(seen)
    rendered(redactor(name, draw_boxes=True), seen, {1: box})
    assert all(map(np.array_equal, before, samples_of(seen)))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_box_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(PipelineError, match="not finite"):
        rendered(redactor("frost"), picture(LAYOUTS["gray"], 40, 40), {1: Box(1, 1, value, 9)})


def test_the_mask_has_the_margins_that_protect() -> None:
    mask = mask_of(Box(100, 100, 200, 220), Margins())
    assert mask.box == Box(75, 46, 225, 250)
    assert mask.radius_px == 25
    small = mask_of(Box(10, 10, 18, 18), Margins()).box
    assert (small.w, small.h) == (16, 16)


@given(face_boxes, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.5))
def test_no_choice_of_margins_lets_the_corners_cut_the_face(
    box: Box, side: float, above: float, below: float, radius: float
) -> None:
    mask = mask_of(box, Margins(side, above, below, radius))
    assert mask.box.contains(box, slack=1e-4)
    for x in (box.x0 - mask.box.x0, mask.box.x1 - box.x1):
        for y in (box.y0 - mask.box.y0, mask.box.y1 - box.y1):
            dx, dy = max(0.0, mask.radius_px - x), max(0.0, mask.radius_px - y)
            assert math.hypot(dx, dy) <= mask.radius_px + 1e-3


def test_a_cover_of_another_frame_is_refused() -> None:
    seen = picture(LAYOUTS["gray"], 40, 40)
    with pytest.raises(PipelineError):
        redactor("frost").render(Frame(Stamp(0, 1, 0.04), seen, None), Cover(Stamp(0, 2, 0.04)))


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
@pytest.mark.parametrize("name", style_names())
def test_a_frame_covered_whole_is_a_plain_slate(layout: str, name: str) -> None:
    seen = picture(LAYOUTS[layout], 40, 30)
    stamp = Stamp(0, 0, 0.0)
    region = Region(1, Box(5, 5, 20, 20), Origin.DETECTED)
    redactor(name).render(Frame(stamp, seen, None), Cover(stamp, (region,), whole="the detector failed"))
    for channel in seen.channels:
        level = np.unique(channel.samples)
        assert len(level) == 1
        if channel.component is Component.ALPHA:
            assert level[0] == channel.peak
        elif channel.component in (Component.CB, Component.CR):
            assert level[0] == (1 << channel.bits - 1) << channel.shift


def test_what_a_mask_shows_is_frozen_while_the_track_lives_and_new_after_it() -> None:
    box = {1: Box(20, 20, 60, 60)}
    run = redactor("mosaic")

    def shown(index: int, seed: int) -> NDArray[np.int64]:
        return samples_of(rendered(run, picture(LAYOUTS["gray"], 90, 90, seed), box, index))[0][20:60, 20:60]

    first = shown(0, 1)
    assert np.array_equal(first, shown(FORGET_AFTER, 2))
    assert not np.array_equal(first, shown(2 * FORGET_AFTER + 1, 3))


def test_noise_needs_the_key_and_differs_between_tracks() -> None:
    seen = [picture(LAYOUTS["gray"], 200, 90) for _ in range(2)]
    for one in seen:
        one.channels[0].samples[...] = 128
    boxes = {1: Box(30, 30, 60, 60), 2: Box(130, 30, 160, 60)}
    ours = samples_of(rendered(redactor("frost"), seen[0], boxes))[0]
    other_key = MaskRedactor(style_named("frost"), key=bytes(32))
    theirs = samples_of(rendered(other_key, seen[1], boxes))[0]
    assert not np.array_equal(ours, theirs)
    assert not np.array_equal(ours[30:60, 30:60], ours[30:60, 130:160])


def test_a_swatch_is_never_sampled_from_paint_and_the_oldest_lies_on_top() -> None:
    """Two neighbours that are born in one frame: where they overlap the older looks as if it were alone."""
    ours, other = Box(40, 20, 80, 60), Box(10, 20, 50, 60)
    alone = rendered(redactor("blur"), picture(LAYOUTS["gray"], 120, 90, 4), {1: ours})
    for both in ({1: ours, 2: other}, {2: other, 1: ours}):
        seen = rendered(redactor("blur"), picture(LAYOUTS["gray"], 120, 90, 4), both)
        assert np.array_equal(samples_of(alone)[0][20:60, 40:80], samples_of(seen)[0][20:60, 40:80])


@pytest.mark.parametrize("style", ["frost", "blur"])
def test_two_masks_on_one_face_look_alike_so_that_no_edge_runs_across_it(style: str) -> None:
    """The first track is born in the dark, the second, on the same face, in the light."""
    run, first, second = redactor(style), Box(30, 30, 60, 60), Box(30, 40, 64, 74)
    dark, light, bright = (picture(LAYOUTS["gray"], 100, 110) for _ in range(3))
    dark.channels[0].samples[...] = 40
    light.channels[0].samples[...] = bright.channels[0].samples[...] = 200
    rendered(run, dark, {1: first})
    alone = samples_of(rendered(redactor(style), bright, {2: second}, 1))[0][44:70, 34:60]
    face = samples_of(rendered(run, light, {1: first, 2: second}, 1))[0][32:72, 32:60]
    assert face.max() < min(160, alone.min())
    assert np.abs(np.diff(face, axis=0)).max() <= 20


def test_solid_black_is_black_in_every_range() -> None:
    for full_range, layout, black in ((False, "p010", 64 << 6), (True, "yuv420p", 0), (False, "yuv420p", 16)):
        seen = replace(picture(LAYOUTS[layout], 60, 60), full_range=full_range)
        rendered(redactor("solid"), seen, {1: Box(20, 20, 40, 40)})
        assert seen.channels[0].samples[30, 30] == black


def test_the_safety_frame_is_drawn_only_on_request_and_around_the_mask() -> None:
    box = {1: Box(40, 40, 80, 80)}
    plain = rendered(redactor("solid"), picture(LAYOUTS["rgba"], 140, 140), box)
    framed = rendered(redactor("solid", draw_boxes=True), picture(LAYOUTS["rgba"], 140, 140), box)
    changed = np.any([a != b for a, b in zip(samples_of(plain), samples_of(framed), strict=True)], axis=0)
    rows, columns = np.nonzero(changed)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (28, 20, 91, 91)
    assert [channel.samples[21, 50] for channel in framed.channels] == [
        0,
        255,
        0,
        framed.channels[3].samples[21, 50],
    ]
    assert not changed[22:90, 30:90].any()


def test_every_style_says_what_it_withstands() -> None:
    assert set(style_names()) == {"frost", "solid", "icon", "mosaic", "blur", "classic"}
    for name in style_names():
        assert style_named(name).name == name
        assert len(style_named(name).withstands) > 20


def test_an_unknown_style_is_named_with_the_choices() -> None:
    with pytest.raises(SettingsError, match="frost"):
        style_named("forst")


def test_a_new_pixel_format_midway_starts_the_looks_anew() -> None:
    box = Box(20, 20, 60, 60)
    run = redactor("frost")
    rendered(run, picture(LAYOUTS["yuv420p"], 90, 90), {1: box})
    stamp = Stamp(1, 1, 0.04)
    seen = picture(LAYOUTS["rgba"], 90, 90, 2)
    run.render(Frame(stamp, seen, None), Cover(stamp, (Region(1, box, Origin.TRACKED),)))
    raw = picture(LAYOUTS["rgba"], 90, 90, 2)
    assert (samples_of(seen)[0][20:60, 20:60] != samples_of(raw)[0][20:60, 20:60]).mean() > 0.9
