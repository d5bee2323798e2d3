"""A small BertModel with distinct prime sizes, and how to run it."""

import numpy as np
import tensorflow.compat.v1 as tf

import modeling


def make_config(**changes):
    """Returns the config of a tiny model: hidden size 21 in 3 heads of 7."""
    values = {
        "vocab_size": 53,
        "hidden_size": 21,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 37,
        "max_position_embeddings": 23,
        "type_vocab_size": 5,
        "initializer_range": 0.3,
    }
    return modeling.BertConfig(**{**values, **changes})


def make_ids(batch_size, seq_length, seed=0):
    return np.random.RandomState(seed).randint(1, 53, size=(batch_size, seq_length))


def build_model(input_ids, config=None, is_training=False, **kwargs):
    input_ids = tf.convert_to_tensor(input_ids, dtype=tf.int32)
    return modeling.BertModel(config or make_config(), is_training, input_ids, **kwargs)


def evaluate(fetches, feed_dict=None):
    """Initialises the default graph's variables and runs `fetches`."""
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feed_dict)


def shapes_of_variables():
    return {var.op.name: tuple(var.shape.as_list()) for var in tf.global_variables()}
