"""Which keys a sweep varies, and which are derived from others."""

from itertools import product
from pathlib import Path

from skelmap.comparison.runs import read_runs
from skelmap.comparison.swept_keys import SweptKeys, find_swept_keys
from synthetic_sweeps import write_run


def swept_keys(folder: Path) -> SweptKeys:
    return find_swept_keys(read_runs(folder)[0])


def test_nothing_swept(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    assert swept_keys(tmp_path) == SweptKeys((), (), {})


def test_the_seed_is_not_a_swept_key(tmp_path: Path) -> None:
    for seed in range(3):
        write_run(tmp_path / str(seed), seed=seed)
    keys = swept_keys(tmp_path)
    assert keys.swept == ()
    assert keys.derived == {"data.seed": "seed", "callbacks.epoch_seed.seed": "seed"}


def test_values_of_a_model_are_derived_from_the_model(tmp_path: Path) -> None:
    for model, seed in product(("ae", "lstm_vae", "pca", "feature_knn"), range(2)):
        write_run(tmp_path / f"{model}{seed}", model, seed)
    keys = swept_keys(tmp_path)
    assert keys.swept == keys.categorical == ("model",)
    of_data = ("data.representation", "data.seq_len", "data.window", "data.batch_size", "trainer.max_epochs")
    for key in (*of_data, "model._target_", "model.hidden_size", "model.seq_len"):
        assert keys.derived[key] == "model"


def test_a_swept_key_explains_the_batch_size_that_depends_on_it(tmp_path: Path) -> None:
    for width, batch_size in ((100, 32), (300, 16)):
        for seed in range(2):
            overrides = {"model.hidden_size": width, "data.batch_size": batch_size}
            write_run(tmp_path / f"{width},{seed}", "lstm_vae", seed, overrides)
    keys = swept_keys(tmp_path)
    assert keys.swept == ("model.hidden_size",)
    assert keys.derived["data.batch_size"] == "model.hidden_size"


def test_interpolated_keys_are_derived_from_their_source(tmp_path: Path) -> None:
    for model, size, t in product(("ae", "lstm_vae"), (14, 28), (10, 30)):
        write_run(tmp_path / f"{model},{size},{t}", model, 0, {"data.img_size": size, "data.seq_len": t})
    keys = swept_keys(tmp_path)
    assert keys.swept == ("model", "data.seq_len", "data.img_size")
    assert keys.numeric == ("data.seq_len", "data.img_size")
    assert keys.derived["model.img_size"] == "data.img_size"
    assert keys.derived["data.window"] == "model"
    assert keys.derived["model.seq_len"] == "data.seq_len"
    assert not any(key.startswith(("paths.", "logger.")) or "dirpath" in key for key in keys.derived)


def test_a_key_of_one_model_can_be_swept(tmp_path: Path) -> None:
    write_run(tmp_path / "ae", "ae")
    for width in (100, 300):
        write_run(tmp_path / f"lstm{width}", "lstm_vae", 0, {"model.hidden_size": width})
    assert swept_keys(tmp_path).swept == ("model", "model.hidden_size")


def test_keys_that_divide_the_runs_alike_count_once(tmp_path: Path) -> None:
    for (size, width), seed in product(((14, 100), (28, 300)), range(2)):
        write_run(tmp_path / f"{size},{seed}", "ae", seed, {"data.img_size": size, "data.maps.line_width": width})
    keys = swept_keys(tmp_path)
    assert keys.swept == ("data.img_size",)
    assert keys.derived["data.maps.line_width"] == "data.img_size"


def test_all_keys_of_a_random_search_are_swept(tmp_path: Path) -> None:
    for i, (rate, latent) in enumerate(((0.1, 4), (0.2, 9), (0.3, 5))):
        write_run(tmp_path / str(i), "ae", 0, {"model.learning_rate": rate, "model.latent_dim": latent})
    assert set(swept_keys(tmp_path).swept) == {"model.learning_rate", "model.latent_dim"}


def test_the_data_set_stands_for_its_keys(tmp_path: Path) -> None:
    for name in ("guitar", "boxing"):
        overrides = {"data.manifest": f"folder/manifest_{name}.csv", "data.maps.crop_size": 480 + len(name)}
        for seed in range(2):
            data = f"folder/manifest_{name}.csv"
            write_run(tmp_path / f"{name}{seed}", "ae", seed, overrides, data=data, simulated=False)
            overrides["data.maps.crop_size"] = 480
    keys = swept_keys(tmp_path)
    assert keys.swept[0] == "data"
    assert keys.derived["data.manifest"] == "data"


def test_paths_of_files_are_not_swept(tmp_path: Path) -> None:
    for place, seed in product(("here", "there"), range(2)):
        paths = {"data.cache_dir": f"{place}/cache", "data.manifest": f"{place}/manifest.csv"}
        write_run(tmp_path / f"{place}{seed}", "ae", 2 * (place == "there") + seed, paths)
    assert swept_keys(tmp_path).swept == ()


def test_text_lists_and_booleans_are_not_numeric(tmp_path: Path) -> None:
    for i, (resample, channels, flag) in enumerate(
        product(("area", "bilinear"), ([8], [8, 16]), (True, False)),
    ):
        overrides = {"data.maps.resample": resample, "model.channels": channels, "model.flag": flag}
        write_run(tmp_path / str(i), "ae", 0, overrides)
    keys = swept_keys(tmp_path)
    assert set(keys.swept) == {"data.maps.resample", "model.channels", "model.flag"}
    assert keys.numeric == ()


def test_short_names_are_unambiguous() -> None:
    keys = SweptKeys(("data.img_size", "model.size", "other.size"), (), {})
    assert [keys.short_name(key) for key in keys.swept] == ["img_size", "model.size", "other.size"]
