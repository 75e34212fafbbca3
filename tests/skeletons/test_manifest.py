"""Read, write and check manifests; messages name file, line, value and what is allowed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.manifest import Recording, Span, check_spans, read_manifest
from skelmap.skeletons.manifest import write_manifest as write
from skelmap.skeletons.readers import PoseFormat
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, wave, write_clip, write_manifest

spans = st.lists(st.tuples(st.integers(0, 80), st.integers(1, 30)).map(lambda s: (s[0], s[0] + s[1])), max_size=4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "abc":
        write_clip(tmp_path / f"{name}.npz", make_clip(wave(3)))
    return tmp_path


def test_a_manifest_gives_split_group_abnormal_spans_and_actions(folder: Path) -> None:
    path = write_manifest(
        folder,
        [
            ["one", "a.npz", "train", "anna"],
            ["two", "b.npz", "test", "ben", "120-260; 400-455", "carry_box:0-300;cut: paper:300-620"],
            ["three", "c.npz", "test", "ben", "all"],
        ],
    )
    one, two, three = read_manifest(path).recordings
    assert one == Recording("one", folder / "a.npz", "train", "anna")
    assert two.abnormal == ((120, 260), (400, 455))
    assert two.actions == (("carry_box", (0, 300)), ("cut: paper", (300, 620)))
    assert three.abnormal is None
    assert [r.clip for r in read_manifest(path).split("test")] == ["two", "three"]


def test_the_action_column_is_optional_and_columns_come_in_any_order(folder: Path) -> None:
    path = write_manifest(folder, [["", "train", "a.npz", "anna", "one"]], "abnormal,split,path,group,clip")
    assert read_manifest(path).recordings == (Recording("one", folder / "a.npz", "train", "anna"),)


def test_the_column_action_may_be_called_work_as_in_earlier_versions(folder: Path) -> None:
    line = ["one", "a.npz", "test", "anna", "", "cut:0-2"]
    new, old = (f"clip,path,split,group,abnormal,{name}" for name in ("action", "work"))
    assert (
        read_manifest(write_manifest(folder, [line], new)).recordings
        == read_manifest(write_manifest(folder, [line], old)).recordings
    )
    with pytest.raises(UserError, match=r"a column appears twice in .*; work is the earlier name of action"):
        read_manifest(write_manifest(folder, [line], f"{new},work"))


def test_a_byte_order_mark_and_relative_paths_are_allowed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_manifest(folder, [["one", "a.npz", "train", "anna"]])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    monkeypatch.chdir(folder)
    assert read_manifest(Path(path.name)).recordings[0].path == folder / "a.npz"


LINES = (
    "clip,path,split,group,abnormal,action",
    "月曜日,a.npz,train,佐藤,,",
    "two,b.npz,test,ben,120-260;400-455,carry_box:0-300;cut:300-620",
)
QUOTED = 'two;b.npz;test;ben;"120-260;400-455";"carry_box:0-300;cut:300-620"'
"""A line as Excel writes it where the comma is the decimal point."""


def semicolons(text: str) -> str:
    return "\n".join([*text.replace(",", ";").splitlines()[:2], QUOTED])


def tabs(text: str) -> str:
    return text.replace(",", "\t")


def empty_cells(text: str) -> str:
    """Empty lines and cells around the table, and spaces in the names of columns."""
    header, *lines = text.splitlines()
    lines = [f"{header.replace(',', ' ,')},,", ",,,,,,,", *(f"{line}," for line in lines), "", ",,,,,,,"]
    return "\n\n" + "\r\n".join(lines) + "\n\n"


@pytest.mark.parametrize("change", [str, semicolons, tabs, empty_cells])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp932"])
def test_what_spreadsheet_programs_write_is_the_same_manifest(
    folder: Path, change: Callable[[str], str], encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = folder / "manifest.csv"
    path.write_bytes(change("\n".join(LINES)).encode(encoding))
    assert read_manifest(path).recordings == (
        Recording("月曜日", folder / "a.npz", "train", "佐藤"),
        Recording(
            *("two", folder / "b.npz", "test", "ben", ((120, 260), (400, 455))),
            (("carry_box", (0, 300)), ("cut", (300, 620))),
        ),
    )
    said = [
        m
        for m in caplog.messages
        if m.endswith("read as Shift-JIS (月曜日); if this looks wrong, save it as 'CSV UTF-8'")
    ]
    assert len(said) == len(caplog.messages) == (encoding == "cp932")


def test_lines_are_counted_as_in_the_file(folder: Path) -> None:
    path = folder / "manifest.csv"
    path.write_text("\n".join(["", LINES[0], "", LINES[1], "", "three,c.npz,trian,g,,"]))
    with pytest.raises(UserError, match=r"manifest\.csv, line 6: split 'trian'"):
        read_manifest(path)


@pytest.mark.parametrize("where", ["again.csv", "elsewhere/again.csv"])
def test_reading_inverts_writing(folder: Path, where: str) -> None:
    actions = (("carry_box", (0, 300)), ("cut: paper", (300, 620)))
    recordings = (
        Recording("one", folder / "a.npz", "train", "anna"),
        Recording("two, with a comma", folder / "b.npz", "test", 'ben "b"', ((120, 260), (400, 455)), actions),
        Recording("three", folder / "c.npz", "test", "ben", None),
    )
    write(folder / where, recordings)
    assert read_manifest(folder / where).recordings == recordings
    (folder / "a.npz").unlink()
    with pytest.raises(UserError, match=r"line 2: clip one: .*a.npz does not exist"):
        read_manifest(folder / where)


@given(spans)
def test_labels_equal_membership_in_a_span(abnormal: list[tuple[int, int]]) -> None:
    frame = np.arange(0, 120, 3)
    labels = Recording("c", Path("c"), "test", "g", tuple(abnormal)).labels(frame)
    assert labels.tolist() == [int(any(a <= f < b for a, b in abnormal)) for f in frame]


def test_labels_without_spans_and_with_all() -> None:
    frame = np.arange(5)
    assert Recording("c", Path("c"), "test", "g", None).labels(frame).tolist() == [1] * 5
    assert Recording("c", Path("c"), "test", "g").labels(frame).tolist() == [0] * 5


def test_spans_in_seconds_are_frames_of_the_recording(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.npz", Clip.build("a", wave(50), BODY_25, (640, 480), 29.97))
    (tmp_path / "b.json").write_text("[]")
    lines = [["a", "a.npz", "test", "g", "0.4s-1.2s;40-42", "cut:0s-1s"], ["b", "b.json", "test", "g", "1s-2s"]]
    with_rate = read_manifest(write_manifest(tmp_path, lines), pose_format=PoseFormat(fps=10.0)).recordings
    assert [r.abnormal for r in with_rate] == [((12, 36), (40, 42)), ((10, 20),)]
    assert with_rate[0].actions == (("cut", (0, 30)),)


def test_action_names_follow_the_spans() -> None:
    recording = Recording("c", Path("c"), "test", "g", (), (("cut", (1, 3)), ("carry", (4, 5))))
    assert recording.action_names(np.arange(6)).tolist() == ["", "cut", "cut", "", "carry", ""]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (["one", "gone.npz", "train", "g"], "line 2: clip one: .*gone.npz does not exist"),
        (["one", "a.npz", "trian", "g"], "line 2: split 'trian'; allowed are train, val, test"),
        (["one", "a.npz", "train", "g", "3-5"], "line 2: clip one of split train has abnormal frames .*normal frames"),
        (["one", "a.npz", "val", "g", "all"], "line 2: clip one of split val has abnormal frames"),
        (["one", "a.npz", "test", "g", "5-3"], "line 2: abnormal '5-3'; allowed are"),
        (["one", "a.npz", "test", "g", "3-3"], "abnormal '3-3'"),
        (["one", "a.npz", "test", "g", "3"], "abnormal '3'"),
        (["one", "a.npz", "test", "g", "-3-5"], "abnormal '-3-5'"),
        (["one", "a.npz", "test", "g", "every"], "abnormal 'every'"),
        (["one", "a.npz", "test", "g", "2s-1s"], "abnormal '2s-1s'.* of seconds like 4s-8.5s"),
        (["one", "a.npz", "test", "g", "", "cut"], "line 2: action 'cut'; allowed is name:first-stop"),
        (["one", "a.npz", "test", "g", "", "cut:5-3"], "line 2: action 'cut:5-3'; allowed is name"),
        (["one", "a.npz", "test", "g", "", ":1-3"], "action ':1-3'; allowed is name:first-stop"),
        (["", "a.npz", "test", "g"], "line 2: clip '' is empty"),
        (["one", "", "test", "g"], "line 2: path '' is empty"),
        (["one", "a.npz", "test", ""], "line 2: group '' is empty"),
        (["one", "x" * 5000, "test", "g"], "does not exist"),
        (["one", "a.npz", "test", "g", "", "", "more"], "line 2: 7 cells; as many as columns are expected, 6"),
    ],
)
def test_a_bad_line_is_named_with_its_reason(folder: Path, line: list[str], reason: str) -> None:
    with pytest.raises(UserError, match=f"manifest.csv, {reason}" if "line" in reason else f"manifest.csv, .*{reason}"):
        read_manifest(write_manifest(folder, [line]))


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ("clip,path,split,group,abnormal,label", "unknown column 'label'; allowed are clip, path, split"),
        ("clip,path,split,abnormal", "column 'group' is missing; required are"),
        ("clip,path,split,group,abnormal,clip", "a column appears twice"),
        ("", "column|no recordings"),
    ],
)
def test_bad_columns_are_named(folder: Path, columns: str, reason: str) -> None:
    with pytest.raises(UserError, match=rf"manifest\.csv: .*({reason})"):
        read_manifest(write_manifest(folder, [], columns))


def test_a_group_belongs_to_one_split(folder: Path) -> None:
    lines = [["one", "a.npz", "train", "anna"], ["two", "a.npz", "test", "anna"]]
    with pytest.raises(UserError, match=r"group 'anna' is in train and in test \(clip two\)"):
        read_manifest(write_manifest(folder, lines))


@pytest.mark.parametrize("path", ["a.npz", "../{folder}/a.npz", "link.npz"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_path_is_one_clip(folder: Path, path: str, split: str) -> None:
    (folder / "link.npz").symlink_to(folder / "a.npz")
    lines = [["one", "a.npz", "train", "anna"], ["two", path.format(folder=folder.name), split, "bert"]]
    with pytest.raises(UserError, match=rf"npz appears twice, in train \(clip one\) and in {split} \(clip two\); a so"):
        read_manifest(write_manifest(folder, lines))


@pytest.mark.parametrize(
    ("abnormal", "action", "clip", "message"),
    [
        ("1165-1292", "", (0, 300), "clip one: abnormal 1165-1292 of frames 0-300: none of them"),
        ("10-20;300-310", "", (0, 300), "abnormal 300-310 of frames 0-300: none"),
        ("0-50", "", (50, 300), "abnormal 0-50 of frames 50-300: none"),
        ("", "cut:0-9;carry:400-500", (0, 300), "action carry:400-500 of frames 0-300: none"),
        ("0-300", "cut:0-300", (0, 300), None),
        ("50-60;299-300", "", (50, 300), None),
        ("all", "", (0, 300), None),
        ("5-9", "", (0, 0), None),
    ],
)
def test_a_span_without_frames_of_its_clip_is_refused(
    abnormal: str, action: str, clip: Span, message: str | None, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = read_manifest(write_manifest(folder, [["one", "a.npz", "test", "g", abnormal, action]]))
    if message is None:
        check_spans(manifest.path, manifest.recordings, [clip])
    else:
        with pytest.raises(UserError, match=rf"manifest\.csv: .*{message}"):
            check_spans(manifest.path, manifest.recordings, [clip])
    assert not caplog.messages


def test_a_clip_name_is_unique(folder: Path) -> None:
    with pytest.raises(UserError, match="clip 'one' appears twice"):
        read_manifest(write_manifest(folder, [["one", "a.npz", "train", "anna"]] * 2))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read"),
        (b"", "column 'clip' is missing"),
        (b"clip,path,split,group,abnormal\n", "has no recordings"),
        (b"clip,path,split,group,abnormal\n\xff\xfe", "not UTF-8"),
        (b'clip,path,split,group,abnormal\n"one', "not a CSV"),
        (b"clip,path,split,group,abnormal\none,a.npz\n", "line 2: 2 cells; as many as columns are expected, 5"),
        (b"\xff\xfec\x00l", "damaged UTF-16"),
        (
            "clip,path,split,group,abnormal\nf\xfcnf,a.npz,train,a,".encode("latin-1"),
            "not UTF-8 .*, UTF-16 or Shift-JIS",
        ),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(folder: Path, content: bytes | None, reason: str) -> None:
    path = folder / "list.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=rf"list\.csv.*{reason}"):
        read_manifest(path)


def test_real_manifests_are_read(real_data: Path) -> None:
    for path in sorted(real_data.glob("manifest_*.csv")):
        manifest = read_manifest(path)
        assert {r.split for r in manifest.recordings} >= {"train", "test"}
        assert {r.abnormal for r in manifest.split("test")} == {(), None}
