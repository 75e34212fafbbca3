from itertools import product
from pathlib import Path

from study_cases import write_cell

from skelmap.comparison.runs import read_cells
from skelmap.comparison.swept_keys import Keys, find_keys


def keys_of(folder: Path) -> Keys:
    return find_keys(read_cells(folder)[0])


def test_nothing_swept(tmp_path: Path) -> None:
    write_cell(tmp_path / "a")
    assert keys_of(tmp_path) == Keys((), (), {})


def test_seeds_are_not_a_setting(tmp_path: Path) -> None:
    for seed in range(3):
        write_cell(tmp_path / str(seed), seed=seed)
    keys = keys_of(tmp_path)
    assert keys.swept == ()
    assert keys.follow == {"data.seed": "seed", "callbacks.epoch_seed.seed": "seed"}


def test_a_models_own_values_follow_from_its_choice(tmp_path: Path) -> None:
    for model, seed in product(("ae", "lstm_vae", "pca"), range(2)):
        write_cell(tmp_path / f"{model}{seed}", model, seed)
    keys = keys_of(tmp_path)
    assert keys.swept == keys.categorical == ("model",)
    for key in ("data.window", "data.batch_size", "model._target_", "model.hidden_size", "trainer.max_epochs"):
        assert keys.follow[key] == "model"


def test_interpolated_keys_follow_their_source(tmp_path: Path) -> None:
    for model, size, t in product(("ae", "lstm_vae"), (14, 28), (10, 30)):
        write_cell(tmp_path / f"{model},{size},{t}", model, 0, {"data.img_size": size, "data.seq_len": t})
    keys = keys_of(tmp_path)
    assert keys.swept == ("model", "data.seq_len", "data.img_size")
    assert keys.numeric == ("data.seq_len", "data.img_size")
    assert keys.follow["model.img_size"] == "data.img_size"
    assert keys.follow["data.window"] == keys.follow["model.seq_len"] == "data.seq_len"
    assert not any(key.startswith(("paths.", "logger.")) or "dirpath" in key for key in keys.follow)


def test_a_models_key_can_be_swept_alone(tmp_path: Path) -> None:
    write_cell(tmp_path / "ae", "ae")
    for width in (100, 300):
        write_cell(tmp_path / f"lstm{width}", "lstm_vae", 0, {"model.hidden_size": width})
    assert keys_of(tmp_path).swept == ("model", "model.hidden_size")


def test_keys_that_tell_the_same_cells_apart_are_one(tmp_path: Path) -> None:
    for (size, width), seed in product(((14, 100), (28, 300)), range(2)):
        write_cell(tmp_path / f"{size},{seed}", "ae", seed, {"data.img_size": size, "data.maps.line_width": width})
    keys = keys_of(tmp_path)
    assert keys.swept == ("data.img_size",)
    assert keys.follow["data.maps.line_width"] == "data.img_size"


def test_a_random_search_keeps_all_its_keys(tmp_path: Path) -> None:
    for i, (rate, latent) in enumerate(((0.1, 4), (0.2, 9), (0.3, 5))):
        write_cell(tmp_path / str(i), "ae", 0, {"model.learning_rate": rate, "model.latent_dim": latent})
    assert set(keys_of(tmp_path).swept) == {"model.learning_rate", "model.latent_dim"}


def test_data_stand_for_what_describes_them(tmp_path: Path) -> None:
    for name in ("guitar", "boxing"):
        overrides = {"data.manifest": f"folder/manifest_{name}.csv", "data.maps.crop_size": 480 + len(name)}
        for seed in range(2):
            data = f"folder/manifest_{name}.csv"
            write_cell(tmp_path / f"{name}{seed}", "ae", seed, overrides, data=data, simulated=False)
            overrides["data.maps.crop_size"] = 480
    keys = keys_of(tmp_path)
    assert keys.swept[0] == "data"
    assert keys.follow["data.manifest"] == "data"


def test_where_files_lie_is_not_what_was_swept(tmp_path: Path) -> None:
    for place, seed in product(("here", "there"), range(2)):
        paths = {"data.cache_dir": f"{place}/cache", "data.manifest": f"{place}/manifest.csv"}
        write_cell(tmp_path / f"{place}{seed}", "ae", 2 * (place == "there") + seed, paths)
    assert keys_of(tmp_path).swept == ()


def test_words_lists_and_switches_are_not_numbers(tmp_path: Path) -> None:
    for i, (resample, channels, flag) in enumerate(
        product(("area", "bilinear"), ([8], [8, 16]), (True, False)),
    ):
        overrides = {"data.maps.resample": resample, "model.channels": channels, "model.flag": flag}
        write_cell(tmp_path / str(i), "ae", 0, overrides)
    keys = keys_of(tmp_path)
    assert set(keys.swept) == {"data.maps.resample", "model.channels", "model.flag"}
    assert keys.numeric == ()


def test_short_names_stay_unambiguous() -> None:
    keys = Keys(("data.img_size", "model.size", "other.size"), (), {})
    assert [keys.short(key) for key in keys.swept] == ["img_size", "model.size", "other.size"]
