"""Set TensorFlow up as the scripts do: version 1's behaviour, with resource variables."""

import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
tf.enable_resource_variables()
