"""Keys and choices of earlier versions are refused with their present names."""

import pytest

from skelmap.cli import main


@pytest.mark.parametrize(
    ("command", "argument", "now"),
    [
        ("train", "data.json.size=[1920,1080]", "data.pose_format"),
        ("train", "data.stride=2", "data.window_stride"),
        ("train", "model=ae,neighbours", "model=feature_knn"),
        ("train", "data=factory", "data=simulated"),
        ("train", "model.relative=0.5", "model.density_power"),
        ("monitor", "page=8000", "web.port"),
        ("monitor", "json.fps=15", "pose_format"),
    ],
)
def test_the_new_name_is_given_in_one_line(command: str, argument: str, now: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, argument])
    assert stop.value.code == f"{argument}: renamed; now {now}"
