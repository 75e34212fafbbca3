"""Worker: training with the paper's stack, Keras 3 on TensorFlow: the same layers, `train_on_batch` on float windows.

python -m benchmarks.train_keras FOLDER STEPS OVERRIDE...
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import tensorflow as tf
from keras import layers, ops

from benchmarks.pace import Pace
from benchmarks.windows import configuration, materialised
from skelmap.models.networks import stage_shapes
from skelmap.training.instantiate import build


class Sample(layers.Layer):
    """Draw the latents and add the KL divergence to the loss."""

    def call(self, moments: tf.Tensor) -> tf.Tensor:
        """Turn (B, 2 J) moments into (B, J) latents."""
        mu, logvar = ops.split(moments, 2, axis=1)
        self.add_loss(0.5 * ops.mean(ops.sum(ops.square(mu) + ops.exp(logvar) - 1 - logvar, axis=1)))
        return mu + keras.random.normal(ops.shape(mu)) * ops.exp(0.5 * logvar)


def network(seq_len: int, img_size: int, latent_dim: int, hidden_size: int, channels: list[int]) -> keras.Model:
    """Build it; maps are (B, T, H, W, 1)."""
    shapes = stage_shapes(img_size, channels)
    maps = x = keras.Input((seq_len, img_size, img_size, 1))
    for after, _, _ in shapes[1:]:
        conv = layers.Conv2D(after, 3, 2, "same", use_bias=False)
        x = layers.ReLU()(layers.TimeDistributed(layers.BatchNormalization())(layers.TimeDistributed(conv)(x)))
    x = layers.LSTM(hidden_size)(layers.Reshape((seq_len, -1))(x))
    z = Sample()(layers.Dense(2 * latent_dim)(x))
    x = layers.LSTM(hidden_size, return_sequences=True)(layers.RepeatVector(seq_len)(z))
    last, side, _ = shapes[-1]
    x = layers.Reshape((seq_len, side, side, last))(layers.Dense(last * side * side, "relu")(x))
    for (after, large, _), (_, small, _) in zip(shapes[-2::-1], shapes[:0:-1], strict=True):
        up = layers.Conv2DTranspose(after, 3, 2, "same")
        x = layers.TimeDistributed(up)(x)
        if large < 2 * small:
            x = x[:, :, :large, :large]
        if after > 1:
            x = layers.ReLU()(layers.TimeDistributed(layers.BatchNormalization())(x))
    return keras.Model(maps, x)


def negative_log_likelihood(maps: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Give it for each window, nats."""
    return ops.sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=maps, logits=logits), axis=(1, 2, 3, 4))


def main(folder: str, steps: str, *overrides: str) -> None:
    """Train until the parent has enough."""
    cfg = configuration(folder, *overrides)
    m = cfg.model
    windows = materialised(build(cfg.data), "train").permute(0, 1, 3, 4, 2).numpy()
    batches = tf.data.Dataset.from_tensor_slices(windows).shuffle(len(windows)).repeat().batch(cfg.data.batch_size)
    model = network(m.seq_len, m.img_size, m.latent_dim, m.hidden_size, list(m.channels))
    model.compile(keras.optimizers.Adam(m.learning_rate), negative_log_likelihood)
    pace = Pace(int(steps))
    for maps in batches.prefetch(2):
        model.train_on_batch(maps, maps)
        if not pace.step():
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
