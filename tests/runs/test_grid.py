"""--grid: parsing it into combinations of settings."""

import pytest

from finetune.runs.grid import parse_grid
from finetune.tasks.classification.config import ClassifierConfig
from finetune.util.errors import UsageError


def test_grid_yields_every_combination_with_the_last_flag_varying_fastest():
    assert parse_grid("learning_rate=1e-5,3e-5 freeze_layers=0,2,5") == [
        {"learning_rate": 1e-5, "freeze_layers": 0},
        {"learning_rate": 1e-5, "freeze_layers": 2},
        {"learning_rate": 1e-5, "freeze_layers": 5},
        {"learning_rate": 3e-5, "freeze_layers": 0},
        {"learning_rate": 3e-5, "freeze_layers": 2},
        {"learning_rate": 3e-5, "freeze_layers": 5},
    ]


def test_values_have_the_types_of_their_flags():
    (settings,) = parse_grid("weight_decay=1 train_batch_size=7")
    assert [type(value) for value in settings.values()] == [float, int]


def test_items_are_separated_by_spaces_or_semicolons_and_may_start_with_dashes():
    expected = [{"weight_decay": 0.1, "train_batch_size": 7}]
    assert parse_grid(" --weight_decay=0.1;  --train_batch_size=7 ") == expected


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ("train_batch_size=7.5", "found '7.5' in 'train_batch_size=7.5'; expected whole numbers."),
        ("weight_decay=x", "found 'x' in 'weight_decay=x'; expected numbers."),
        ("weight_decay=0.1 weight_decay=0.2", "weight_decay occurs twice."),
        ("weight_decay=0.1,0.10", "'weight_decay=0.1,0.10' contains a value twice."),
        ("train_batch_size=0", "train_batch_size=0; expected at least 1."),
        ("warmup_proportion=1.5", "warmup_proportion=1.5; expected at least 0.0 and at most 1.0."),
    ],
)
def test_invalid_grid_is_rejected(grid, message):
    with pytest.raises(UsageError) as error:
        parse_grid(grid, ClassifierConfig)
    assert str(error.value) == f"--grid: {message}"


@pytest.mark.parametrize("name", ["seed", "task_name", "eval_batch_size", "use_xla", "nothing"])
def test_grid_varies_only_numeric_flags_that_affect_training(name):
    with pytest.raises(UsageError) as error:
        parse_grid(f"{name}=1")
    assert str(error.value).startswith(
        f"--grid: found '{name}=1'; expected name=number,number pairs separated by spaces, with "
        "these names: train_batch_size, learning_rate, num_train_epochs, "
    )
