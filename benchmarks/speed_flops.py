# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""The floating-point operations that a batch needs, whatever a program makes of its padding.

Forward, for each wordpiece of a row of `length` wordpieces, in each layer:

    2 * (4 * H^2 + 2 * H * I)    products with the weights: query, key, value, output (H x H each),
                                 and the feed-forward layer's two (H x I each)
    2 * 2 * length * H           attention: scores, and the mean of the values

and for each row, 2 * H^2 for the pooler and 2 * H * L for the head of L labels. A multiplication
and an addition are two operations. The backward pass computes two products, by the input and by
the weights, for each one of the forward pass: a training step is three times the forward pass.
Embeddings, normalization, softmax, activations, dropout and the optimizer are not counted, and
padding is not: only real wordpieces are useful.
"""


def forward_flops(lengths, config, num_labels):
    """Return the useful operations of a forward pass.

    Args:
      lengths: Wordpieces of each row, [CLS] and [SEP] included.
      config: The model's configuration, a dict as of bert_config.json.
      num_labels: Labels L.
    """
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    weights = 2 * (4 * hidden**2 + 2 * hidden * inner)
    layer = sum(length * (weights + 4 * length * hidden) for length in lengths)
    heads = len(lengths) * 2 * (hidden**2 + hidden * num_labels)
    return config["num_hidden_layers"] * layer + heads


def training_flops(lengths, config, num_labels):
    """Return the useful operations of a training step, as forward_flops."""
    return 3 * forward_flops(lengths, config, num_labels)
