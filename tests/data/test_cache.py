"""The cache: equal to maps rendered directly, keyed by content and settings, intact or rebuilt."""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from skelmap.data import cache
from skelmap.data.cache import Clock, SkeletonCache, open_cache
from skelmap.data.rendering import MapSettings, render_maps
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.layouts import COCO_18
from skelmap.skeletons.manifest import Recording, read_manifest
from skelmap.skeletons.readers import PoseFormat, read_clip, source_files
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, wave, write_manifest, write_openpose

PAPER = MapSettings()
CLOCK = Clock(fps=30, bridge_seconds=0)


@pytest.fixture
def recordings(tmp_path: Path) -> tuple[Recording, ...]:
    """A clip with gaps, a clip of two people, a clip without people, a folder of JSON files."""
    folder = tmp_path / "clips"
    gaps = wave(30, 1)
    gaps[[3, 4, 29]] = 0
    write_clip(folder / "gaps.npz", make_clip(gaps, frame=np.append(np.arange(29) * 2, 59)))
    write_clip(folder / "two.npz", make_clip(wave(20, 2), frame=np.arange(20) % 10, track=np.arange(20) // 10))
    write_clip(folder / "nobody.npz", make_clip(np.zeros((5, 25, 3), np.float32)))
    write_openpose(folder / "json", make_clip(wave(8, 3)))
    names = ("gaps.npz", "two.npz", "nobody.npz", "json")
    return read_manifest(write_manifest(folder, [[n, n, "train", n] for n in names])).recordings


def opened(recordings: tuple[Recording, ...], tmp_path: Path, settings: MapSettings = PAPER) -> SkeletonCache:
    return open_cache(recordings, settings, tmp_path / "cache", CLOCK)


def fail_if_read(*_: object, **__: object) -> None:
    pytest.fail("the sources were read again")


@pytest.mark.parametrize(
    "settings",
    [PAPER, MapSettings(33, 400, "area"), MapSettings(33, 400, "area", threshold=None, channels=("left", "body"))],
    ids=str,
)
def test_the_cache_holds_the_maps_rendered_directly(
    recordings: tuple[Recording, ...], tmp_path: Path, settings: MapSettings
) -> None:
    built = opened(recordings, tmp_path, settings)
    clips = [read_clip(r.path, r.clip) for r in recordings]
    seen = [clip.present for clip in clips]
    direct = [render_maps(c.keypoints[s], c.layout, c.size, settings) for c, s in zip(clips, seen, strict=True)]
    unpacked = settings.unpack(torch.from_numpy(built.packed)).numpy()
    np.testing.assert_allclose(unpacked, np.concatenate(direct) / (1 if settings.threshold else 255), rtol=1e-6)
    np.testing.assert_array_equal(built.clip, np.repeat(np.arange(4), [s.sum() for s in seen]))
    np.testing.assert_array_equal(built.frame, np.concatenate([c.frame[s] for c, s in zip(clips, seen, strict=True)]))
    np.testing.assert_array_equal(built.track, np.concatenate([c.track[s] for c, s in zip(clips, seen, strict=True)]))
    assert built.spans == ((0, 60), (0, 10), (0, 5), (0, 8))
    assert built.source_fps == (30.0,) * 4
    assert len(built) == 27 + 20 + 0 + 8


def test_recordings_without_people_make_an_empty_cache(recordings: tuple[Recording, ...], tmp_path: Path) -> None:
    assert len(opened(recordings[2:3], tmp_path)) == 0
    assert len(opened((), tmp_path)) == 0


def test_a_finished_cache_opens_without_parsing_sources(
    recordings: tuple[Recording, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(recordings, tmp_path)
    monkeypatch.setattr(cache, "read_clip", fail_if_read)
    again = opened(recordings, tmp_path)
    assert again.path == first.path
    np.testing.assert_array_equal(again.packed, first.packed)
    np.testing.assert_array_equal(again.frame, first.frame)


def age(path: Path, seconds: float = 100) -> None:
    for file in source_files(path):
        os.utime(file, (file.stat().st_mtime - seconds,) * 2)


def test_unchanged_sources_are_not_hashed_again(
    recordings: tuple[Recording, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for recording in recordings:
        age(recording.path)
    first = opened(recordings, tmp_path)
    monkeypatch.setattr(Path, "read_bytes", fail_if_read)
    assert opened(recordings, tmp_path).path == first.path


def test_a_touched_source_keeps_its_cache(
    recordings: tuple[Recording, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(recordings, tmp_path)
    monkeypatch.setattr(cache, "read_clip", fail_if_read)
    age(recordings[0].path, 1000)
    assert opened(recordings, tmp_path).path == first.path


def test_changed_content_with_the_same_modification_time_gets_a_new_cache(
    recordings: tuple[Recording, ...], tmp_path: Path
) -> None:
    path = recordings[0].path
    first, stat = opened(recordings, tmp_path), path.stat()
    content = bytearray(path.read_bytes())
    content[11] ^= 1  # a time in the header of the archive; the keypoints stay the same
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert opened(recordings, tmp_path).path != first.path


def test_a_renamed_frame_is_a_change(recordings: tuple[Recording, ...], tmp_path: Path) -> None:
    first = opened(recordings, tmp_path)
    last = source_files(recordings[3].path)[-1]
    last.rename(last.with_name("clip_000000000050_keypoints.json"))
    assert opened(recordings, tmp_path).spans[3] == (0, 51)
    assert opened(recordings, tmp_path).path != first.path


def test_moved_sources_keep_their_cache(recordings: tuple[Recording, ...], tmp_path: Path) -> None:
    first = opened(recordings, tmp_path)
    (tmp_path / "clips").rename(tmp_path / "moved")
    moved = tuple(replace(r, path=tmp_path / "moved" / r.path.name) for r in recordings)
    assert opened(moved, tmp_path).path == first.path


@pytest.mark.parametrize(
    "change",
    [
        {"img_size": 29},
        {"crop_size": 400},
        {"resample": "area"},
        {"line_width": 6.0},
        {"line_unit": "map"},
        {"threshold": 0.2},
        {"threshold": None},
        {"channels": ("left",)},
        {"channels": ("body", "motion")},
    ],
    ids=str,
)
def test_each_map_setting_has_its_own_cache(recordings: tuple[Recording, ...], tmp_path: Path, change: dict) -> None:
    assert opened(recordings[:1], tmp_path).path != opened(recordings[:1], tmp_path, replace(PAPER, **change)).path


def test_each_clock_has_its_own_cache(recordings: tuple[Recording, ...], tmp_path: Path) -> None:
    clocks = [CLOCK, Clock(15, 0), Clock(30, 0.2)]
    assert len({open_cache(recordings[:1], PAPER, tmp_path / "cache", clock).path for clock in clocks}) == 3


def test_rows_are_resampled_and_short_gaps_are_bridged(recordings: tuple[Recording, ...], tmp_path: Path) -> None:
    gaps = recordings[:1]  # every second frame of 0 to 56, without 6 and 8
    bridged = open_cache(gaps, PAPER, tmp_path / "cache", Clock(30, 0.2))
    assert bridged.frame.tolist() == list(range(57)) and bridged.spans == ((0, 60),)
    halved = open_cache(gaps, PAPER, tmp_path / "cache", Clock(15, 0))
    assert halved.frame.tolist() == [*range(3), *range(5, 29)] and halved.spans == ((0, 30),)


def test_each_pose_format_and_renderer_version_has_its_own_cache(
    recordings: tuple[Recording, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def path(fmt: PoseFormat) -> Path:
        return open_cache(recordings[:1], PAPER, tmp_path / "cache", CLOCK, fmt).path

    formats = [PoseFormat(), PoseFormat(COCO_18), PoseFormat(size=(320, 240)), PoseFormat(fps=25.0)]
    paths = [path(fmt) for fmt in formats]
    monkeypatch.setattr(cache, "RENDERER_VERSION", 99)
    assert len({*paths, path(PoseFormat())}) == 5


def flip(position: float) -> Callable[[bytes], bytes]:
    def damage(content: bytes) -> bytes:
        at = round(position * (len(content) - 1))
        return content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :]

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        *(flip(position) for position in (0, 0.001, 0.2, 0.5, 0.8, 0.95, 0.97, 0.98, 0.99, 0.995, 1)),
        *(lambda content, share=share: content[: round(share * len(content))] for share in (0, 0.001, 0.3, 0.9, 0.999)),
        lambda content: content + b"\0",
        lambda content: b"\0" * len(content),
    ],
)
def test_a_damaged_or_truncated_cache_is_reported_and_rebuilt(
    recordings: tuple[Recording, ...],
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = opened(recordings, tmp_path).path
    sound = path.read_bytes()
    path.write_bytes(damage(sound))
    with caplog.at_level(logging.WARNING):
        again = opened(recordings, tmp_path)
    assert "damaged or cut short: it is built anew" in caplog.text
    assert again.path == path and path.read_bytes() == sound


def test_partial_files_of_a_killed_process_are_removed(recordings: tuple[Recording, ...], tmp_path: Path) -> None:
    path = opened(recordings, tmp_path).path
    path.unlink()
    path.with_suffix(".12345.partial").write_bytes(b"half")
    opened(recordings, tmp_path)
    assert not list(path.parent.glob("*.partial"))


def test_a_failed_build_leaves_no_cache(recordings: tuple[Recording, ...], tmp_path: Path) -> None:
    source_files(recordings[3].path)[-1].write_text("{")
    with pytest.raises(UserError, match="damaged JSON"):
        opened(recordings, tmp_path)
    assert {p.suffix for p in (tmp_path / "cache").iterdir() if p.is_file()} <= {".lock"}


def test_a_folder_that_cannot_be_written_is_named(recordings: tuple[Recording, ...], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match=r"file.deep: the cache cannot be written"):
        open_cache(recordings, PAPER, tmp_path / "file" / "deep", CLOCK)


def test_a_missing_source_is_named(recordings: tuple[Recording, ...], tmp_path: Path) -> None:
    recordings[1].path.unlink()
    with pytest.raises(UserError, match=r"two\.npz: cannot be read"):
        opened(recordings, tmp_path)
