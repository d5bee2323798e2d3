# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Counts the floating-point operations that a batch needs, excluding padding.

Forward, for each wordpiece of a row of `length` wordpieces, in each layer:

    2 * (4 * H^2 + 2 * H * I)    products with the weights: query, key, value, output (H x H each),
                                 and the feed-forward layer's two (H x I each)
    2 * 2 * length * H           attention: scores, and the mean of the values

and for each row, 2 * H^2 for the pooler and 2 * H * L for the head with L labels. A multiplication
and an addition count as two operations. For each product in the forward pass, the backward pass
computes two, for the gradients of the input and of the weights, so a training step needs three
times as many operations. Embeddings, normalisation, softmax, activations, dropout, the optimizer
and padding are not counted.
"""


def forward_flops(lengths, config, num_labels):
    """Returns the number of useful operations in a forward pass.

    Args:
      lengths: Number of wordpieces in each row, including [CLS] and [SEP].
      config: The content of the model's bert_config.json.
      num_labels: Number of labels L.
    """
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    weights = 2 * (4 * hidden**2 + 2 * hidden * inner)
    layer = sum(length * (weights + 4 * length * hidden) for length in lengths)
    heads = len(lengths) * 2 * (hidden**2 + hidden * num_labels)
    return config["num_hidden_layers"] * layer + heads


def training_flops(lengths, config, num_labels):
    """Returns the number of useful operations in a training step; see `forward_flops`."""
    return 3 * forward_flops(lengths, config, num_labels)
