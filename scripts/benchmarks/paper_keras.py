"""The paper's LSTM-VAE in the paper's stack, Keras on TensorFlow: same layers, `train_on_batch` on float windows.

`python -m benchmarks.paper_keras FOLDER STEPS OVERRIDE...` is a worker of `benchmarks.interleaved`.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import tensorflow as tf
from keras import layers, ops

from benchmarks.common import data_module, resolved, training_windows
from benchmarks.interleaved import RepetitionTimer
from skelmap.models.networks import stage_shapes


class Sample(layers.Layer):
    """Sampling layer of the latents; adds the KL divergence to the loss."""

    def call(self, moments: tf.Tensor) -> tf.Tensor:
        """Sample (B, J) latents from (B, 2 J) means and log variances."""
        mu, logvar = ops.split(moments, 2, axis=1)
        self.add_loss(0.5 * ops.mean(ops.sum(ops.square(mu) + ops.exp(logvar) - 1 - logvar, axis=1)))
        return mu + keras.random.normal(ops.shape(mu)) * ops.exp(0.5 * logvar)


def network(seq_len: int, img_size: int, latent_dim: int, hidden_size: int, channels: list[int]) -> keras.Model:
    """Build the LSTM-VAE for maps (B, T, H, W, 1)."""
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
    """Negative log-likelihood of each window, (B,), nats."""
    return ops.sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=maps, logits=logits), axis=(1, 2, 3, 4))


def main(folder: str, steps: str, *overrides: str) -> None:
    """Train until the parent ends."""
    config = resolved(folder, *overrides)
    data, m = config["data"], config["model"]
    windows = training_windows(data_module(config)).permute(0, 1, 3, 4, 2).numpy()
    batches = tf.data.Dataset.from_tensor_slices(windows).shuffle(len(windows)).repeat().batch(data["batch_size"])
    model = network(data["seq_len"], data["img_size"], m["latent_dim"], m["hidden_size"], m["channels"])
    model.compile(keras.optimizers.Adam(m["learning_rate"]), negative_log_likelihood)
    timer = RepetitionTimer(int(steps))
    for maps in batches.prefetch(2):
        model.train_on_batch(maps, maps)
        if not timer.step():
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
