"""Batch normalization of the networks that are trained."""

import keras


def training_batch_norm() -> type[keras.layers.BatchNormalization]:
    """Return the layer that trains fastest on the backend in use."""
    # Compilers fuse Keras's dozen operations; TensorFlow on CPUs, which is faster without a compiler, does not.
    return _fused_batch_norm() if keras.backend.backend() == "tensorflow" else keras.layers.BatchNormalization


def _fused_batch_norm() -> type[keras.layers.BatchNormalization]:
    # The one import of TensorFlow in training, made under its own backend alone. Keras has no operation for it, and of
    # several of its operations a CPU trains a fifth slower.
    import tensorflow as tf

    class FusedBatchNormalization(keras.layers.BatchNormalization):
        """Batch normalization in one operation during training."""

        def call(self, inputs: tf.Tensor, training: bool | None = None, mask: None = None) -> tf.Tensor:
            if not (training and self.trainable):
                return super().call(inputs, training=False)
            empty = tf.zeros([0])
            y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=inputs,
                scale=self.gamma.value,
                offset=self.beta.value,
                mean=empty,
                variance=empty,
                epsilon=self.epsilon,
            )
            for statistic, seen in ((self.moving_mean, mean), (self.moving_variance, variance)):
                statistic.assign(statistic * self.momentum + seen * (1 - self.momentum))
            return y

    return FusedBatchNormalization
