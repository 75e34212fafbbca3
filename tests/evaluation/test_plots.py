import matplotlib.colors as colors
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from evaluation_inputs import make_recording, make_rows, noisy_predictions, three_clips
from skelmap.evaluation.evaluate import evaluate
from skelmap.evaluation.examples import Examples, pick_windows, sample_latents
from skelmap.evaluation.plots.curves import precision_recall, roc, score_histogram
from skelmap.evaluation.plots.latents import latent_map
from skelmap.evaluation.plots.reconstructions import reconstructions
from skelmap.evaluation.plots.style import ABNORMAL, png
from skelmap.evaluation.plots.timeline import MAX_LINE, MAX_LINES, arrange_lines, score_timeline, split_clips
from skelmap.evaluation.plots.training import training_history


def text_of(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text")))


def shaded_spans(figure: Figure) -> list[tuple[float, float]]:
    wanted = colors.to_rgb(ABNORMAL)
    patches = [p for axes in figure.axes for p in axes.patches if isinstance(p, Rectangle)]
    return [(p.get_x(), p.get_x() + p.get_width()) for p in patches if p.get_facecolor()[:3] == wanted]


def test_roc_draws_each_curve_with_its_numbers() -> None:
    result = evaluate(noisy_predictions(three_clips(), 1), three_clips())
    figure = roc((result.primary, result.variant))
    low, high, _ = result.primary.auroc.interval
    assert f"single frames\nAUROC {result.primary.auroc.value:.3f}  [{low:.3f}, {high:.3f}]" in text_of(figure)
    drawn = figure.axes[0].lines[1]
    area = np.trapezoid(drawn.get_ydata(), drawn.get_xdata())
    assert area == pytest.approx(result.primary.auroc.value, abs=1e-3)
    assert len(figure.axes[0].lines) == 3


def test_precision_recall_draws_chance() -> None:
    result = evaluate(noisy_predictions(three_clips(), 10), three_clips())
    figure = precision_recall((result.primary,))
    assert figure.axes[0].lines[-1].get_ydata()[0] == pytest.approx(281 / 573)
    assert "chance 0.490" in text_of(figure)


def test_timeline_shades_abnormal_spans_and_names_clips_and_actions() -> None:
    rows = three_clips()
    figure = score_timeline(evaluate(noisy_predictions(rows, 10), rows).frames)
    # Clips end to end, 200 frames each: 50-90 of the first, 20-40 and 120-150 of the second, all of the third.
    assert shaded_spans(figure) == [(50, 90), (220, 240), (320, 350), (400, 600)]
    assert {"cut<script>", "saw", "run"} <= set(text_of(figure).split("\n"))


def test_timeline_has_gaps_at_frames_without_people() -> None:
    rows = make_rows([[(0, 40), (60, 100)]], [(0, 100)], [make_recording("a", ((10, 30),))], 10)
    line = score_timeline(evaluate(noisy_predictions(rows, 10), rows).frames).axes[0].lines[0]
    missing = np.asarray(line.get_xdata())[np.isnan(np.asarray(line.get_ydata()))]
    assert missing.tolist() == [i + 0.5 for i in (*range(9), *range(40, 60))]  # and before the first full window


def test_a_long_split_is_thinned_to_clips_with_both_classes() -> None:
    count, length = 60, 700
    recordings = [make_recording(f"clip{i}", ((100, 200),) if i % 3 == 0 else ()) for i in range(count)]
    rows = make_rows([[(0, length)]] * count, [(0, length)] * count, recordings, 10)
    figure = score_timeline(evaluate(noisy_predictions(rows, 10), rows).frames)
    assert len(figure.axes) <= MAX_LINES
    assert len(shaded_spans(figure)) == MAX_LINES * (MAX_LINE // length)
    assert f"frames, clips end to end: {18 * 700:,} of 42,000, clips with normal and abnormal frames" in text_of(figure)


def test_a_long_split_without_mixed_clips_shows_both_kinds() -> None:
    # Every third clip is abnormal: 18 even steps through the 52 clips in their order would find only these.
    count, length = 52, 700
    recordings = [make_recording(f"clip{i}", None if i % 3 == 0 else ()) for i in range(count)]
    rows = make_rows([[(0, length)]] * count, [(0, length)] * count, recordings, 10)
    figure = score_timeline(evaluate(noisy_predictions(rows, 10), rows).frames)
    assert len(shaded_spans(figure)) == MAX_LINES * (MAX_LINE // length) // 3
    assert "evenly spread" in text_of(figure)


def test_segments_hold_every_frame_once() -> None:
    rng = np.random.default_rng(0)
    clip = np.repeat([0, 1, 2], [6000, 10, 1])
    frame = np.concatenate([np.sort(rng.choice(9000, 6000, replace=False)), np.arange(5, 15), [7]])
    segments = split_clips(clip, frame)
    np.testing.assert_array_equal(np.concatenate([p.index for p in segments]), np.arange(6011))
    for segment in segments:
        assert len(np.unique(clip[segment.index])) == 1
        assert 0 <= segment.x.min() <= segment.x.max() < segment.length
        np.testing.assert_array_equal(np.diff(segment.x), np.diff(frame[segment.index]))
    assert [p.continued for p in segments] == [False, True, True, True, False, False]
    assert all(sum(p.length for p in line) <= MAX_LINE for line in arrange_lines(segments))


def test_histogram_includes_outliers_of_both_classes() -> None:
    score, label = np.append(np.random.default_rng(0).normal(size=400), 1e9), np.arange(401) % 2
    figure = score_histogram(score, label)
    assert "normal (201 frames)" in text_of(figure) and "abnormal (200 frames)" in text_of(figure)
    for steps in figure.axes[0].patches:
        assert steps.get_data().values.sum() == pytest.approx(100)


@pytest.mark.parametrize("channels", [("body",), ("left", "motion", "body")])
def test_reconstructions_put_the_input_above_the_reconstruction(channels: tuple[str, ...]) -> None:
    rows = three_clips()
    examples = pick_windows(noisy_predictions(rows, 10), rows)
    shape = (len(examples.start), 10, len(channels), 12, 12)
    level = np.arange(1, len(channels) + 1)[:, None, None] / len(channels)
    input_, recon = (np.broadcast_to(maps, shape) for maps in (level, level / 4))
    figure = reconstructions(Examples(input_, recon, examples.label, examples.title, examples.score, channels))
    drawn = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(drawn) == 6
    strips = [drawn[0][13 * i : 13 * i + 12] for i in range(2 * len(channels))]
    assert len(drawn[0]) == 13 * len(strips) - 1
    for c, (above, below) in enumerate(zip(strips[::2], strips[1::2], strict=True)):
        for strip, value in ((above, level[c]), (below, level[c] / 4)):
            assert np.nanmin(strip) == np.nanmax(strip) == value
    assert all(title in text_of(figure) for title in examples.title)
    assert all(name in text_of(figure) for name in (channels if len(channels) > 1 else ("input",)))


@pytest.mark.parametrize("dimensions", [1, 4])
def test_latent_map_draws_every_window_once(dimensions: int) -> None:
    rows = three_clips(length=60)
    latents = sample_latents(noisy_predictions(rows, 10, latents=dimensions), rows)
    assert latents is not None
    figure = latent_map(latents)
    by_label, by_action = (axes.collections for axes in figure.axes)
    assert len(by_label[0].get_offsets()) == len(latents.label) == 153
    assert sum(len(c.get_offsets()) for c in by_action[1:]) == 153
    assert f"abnormal ({latents.label.sum()})" in text_of(figure)


def test_history_has_a_panel_for_each_known_quantity() -> None:
    history = {"train/loss": [3.0, 2.0], "val/loss": [4.0, 3.0], "val/kl": [1.0, 1.5], "val/kl_00": [0.0, 0.0]}
    figure = training_history(history)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss", "KL divergence"]
    assert [line.get_ydata().tolist() for line in figure.axes[0].lines] == [[3.0, 2.0], [4.0, 3.0]]
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1, 2]


def test_an_epoch_without_validation_has_no_point() -> None:
    nan = float("nan")
    figure = training_history({"train/loss": [4.0, 3.0, 2.0, 1.0], "val/loss": [nan, 3.5, nan, 1.5]})
    train, val = figure.axes[0].lines
    assert train.get_xdata().tolist() == [1, 2, 3, 4] and train.get_marker() == "None"
    assert (val.get_xdata().tolist(), val.get_ydata().tolist()) == ([2, 4], [3.5, 1.5])
    assert val.get_marker() == "o"


def test_png_is_the_same_every_time() -> None:
    one, again = (png(training_history({"train/loss": [2.0, 1.0]})) for _ in range(2))
    assert one == again
    assert one.startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["$5", "$x_{", "日本語", "a\nb", "x" * 300])
def test_figures_accept_any_names(name: str) -> None:
    rows = make_rows([[(0, 30)]], [(0, 30)], [make_recording(name, ((10, 20),), ((name[:60], (0, 30)),))], 5)
    assert len(png(score_timeline(evaluate(noisy_predictions(rows, 5), rows).frames))) > 1000
