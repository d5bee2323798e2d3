"""The selection of frozen variables, and learning rates by layer."""

import re

import pytest

from finetune.tasks.classification.config import ClassifierConfig
from finetune.training.parameter_groups import frozen, learning_rate_factors
from finetune.util.errors import UsageError

VARIABLES = [
    "bert/embeddings/word_embeddings",
    "bert/encoder/layer_0/output/dense/kernel",
    "bert/encoder/layer_1/output/dense/kernel",
    "bert/encoder/layer_10/output/dense/kernel",
    "bert/pooler/dense/kernel",
    "output_weights",
]


def config(**settings):
    return ClassifierConfig(do_train=True, output_dir="x", **settings)


def matched(patterns):
    """Returns the indices of the variables that match at least one pattern."""
    return [i for i, name in enumerate(VARIABLES) if any(re.search(p, name) for p in patterns)]


def test_embeddings_and_the_lowest_layers_are_frozen():
    assert matched(frozen(config(), 11)) == []
    assert matched(frozen(config(freeze_embeddings=True), 11)) == [0]
    assert matched(frozen(config(freeze_layers=2), 11)) == [1, 2]
    assert matched(frozen(config(freeze_layers=11, freeze_embeddings=True), 11)) == [0, 1, 2, 3]


def test_freezing_more_layers_than_the_model_has_is_rejected():
    with pytest.raises(UsageError, match="--freeze_layers=3: the model has 2 layers"):
        frozen(config(freeze_layers=3), 2)


def test_learning_rate_decays_from_the_highest_layer_to_the_embeddings():
    factors = learning_rate_factors(config(layerwise_lr_decay=0.5, head_learning_rate_factor=7), 2)
    assert {factor: matched([pattern]) for pattern, factor in factors.items()} == {
        0.5**3: [0],
        0.5**2: [1],
        0.5: [2],
        7: [5],
    }
    assert learning_rate_factors(config(), 2) == {}
