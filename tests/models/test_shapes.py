"""Networks keep their shapes for every map size and window length."""

from itertools import pairwise

import pytest
import torch

from model_cases import NETWORKS, network, some_maps
from skelmap.models.networks import SMALLEST_SIDE, MapDecoder, MapEncoder, stage_shapes


@pytest.mark.parametrize(
    ("img_size", "map_channels"), [*((size, 1) for size in (14, 15, 28, 33, 56, 100, 256)), (15, 2), (28, 5)]
)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_reconstruction_has_the_shape_of_the_maps(name: str, img_size: int, map_channels: int) -> None:
    model = network(name, img_size, map_channels=map_channels)
    maps = some_maps(2, 4 if name == "lstm_vae" else 1, img_size, map_channels=map_channels)
    out = model(maps)
    assert out.decoded.shape == maps.shape
    assert out.mu.shape == (2, 3)
    assert (out.logvar is None) == (name == "ae")
    probability = model.reconstruct(maps)
    assert probability.shape == maps.shape and probability.min() >= 0 and probability.max() <= 1


@pytest.mark.parametrize("seq_len", [1, 2, 7, 30])
def test_the_lstm_vae_takes_any_window(seq_len: int) -> None:
    maps = some_maps(3, seq_len, 15)
    assert network("lstm_vae", 15, seq_len)(maps).decoded.shape == maps.shape


def test_encoder_and_decoder_have_the_same_stages_for_every_map_size() -> None:
    for img_size in range(14, 257):
        shapes = stage_shapes(img_size, [4, 8])
        sides = [side for _, side, _ in shapes]
        assert SMALLEST_SIDE / 2 < sides[-1] <= SMALLEST_SIDE
        assert all(after == -(-before // 2) for before, after in pairwise(sides))
    for img_size in (14, 29, 63, 64, 65):
        maps = torch.zeros(2, 1, img_size, img_size)
        features = MapEncoder(img_size, [2])(maps)
        assert MapDecoder(features.shape[1], img_size, [2])(features).shape == maps.shape


@pytest.mark.parametrize(("img_size", "map_channels"), [(14, 1), (15, 1), (28, 1), (33, 3), (40, 1), (57, 2)])
def test_decoding_without_gradients_gives_the_same_logits(img_size: int, map_channels: int) -> None:
    decoder = MapDecoder(20, img_size, [8, 16, 32], map_channels)
    for parameter in decoder.parameters():  # batch normalisation starts with ones and zeros
        torch.nn.init.normal_(parameter, 0.2, 0.2)
    decoder(torch.randn(50, 20))  # to have statistics
    decoder.eval()
    for count in (9, 0):
        hidden = torch.randn(count, 20)
        expected = decoder(hidden)
        with torch.no_grad():
            torch.testing.assert_close(decoder(hidden), expected, rtol=1e-5, atol=1e-5)


def test_the_order_of_frames_matters_to_the_lstm_vae() -> None:
    model, maps = network("lstm_vae"), some_maps(2, 4, 28)
    assert not torch.allclose(model(maps).mu, model(maps.flip(1)).mu)


@pytest.mark.parametrize("name", NETWORKS)
def test_windows_of_a_batch_are_independent(name: str) -> None:
    model, maps = network(name), some_maps(5, 4 if name == "lstm_vae" else 1, 28)
    together, alone = model(maps).decoded, torch.cat([model(one).decoded for one in maps.split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_the_forget_gate_bias_is_1() -> None:
    lstm = network("lstm_vae").network.encoder_lstm
    bias = (lstm.bias_ih_l0 + lstm.bias_hh_l0).detach()
    assert torch.equal(bias[12:24], torch.ones(12)) and (bias[:12] != 1).all()
