"""The default learning rate and number of epochs follow the sizes of model and data."""

import logging

import pytest

from finetune.tasks.classification.config import ClassifierConfig
from finetune.training.size_defaults import epochs_for, learning_rate_for, with_size_defaults


@pytest.mark.parametrize(
    ("hidden_size", "rate"),
    # BERT-Large, -Base, -Medium, MiniLM, -Mini, -Tiny
    [(1024, 3e-5), (768, 5e-5), (512, 1e-4), (384, 2e-4), (256, 3e-4), (128, 3e-4)],
)
def test_smaller_models_have_a_higher_learning_rate(hidden_size, rate):
    assert learning_rate_for(hidden_size) == rate


@pytest.mark.parametrize(
    ("num_rows", "epochs"),
    # 300 steps of 32 rows are 9,600 rows.
    [
        (7, 10),
        (320, 10),
        (960, 10),
        (1066, 10),
        (1067, 9),
        (2490, 4),
        (3200, 3),
        (10**6, 3),
    ],
)
def test_small_data_has_more_epochs(num_rows, epochs):
    assert epochs_for(num_rows, 32) == epochs


def test_defaults_are_logged_and_given_flags_are_kept(caplog):
    caplog.set_level(logging.INFO)
    config = ClassifierConfig(do_train=True, output_dir="x")
    filled = with_size_defaults(config, 384, 960)
    assert (filled.learning_rate, filled.num_train_epochs) == (2e-4, 10.0)
    assert caplog.messages == [
        "--learning_rate=0.0002, the default for a hidden size of 384",
        "--num_train_epochs=10, the default for 960 rows",
    ]
    caplog.clear()
    config = ClassifierConfig(do_train=True, output_dir="x", learning_rate=2e-5, num_train_epochs=3)
    assert with_size_defaults(config, 384, 960) == config
    assert not caplog.messages
