"""The default learning rate and number of epochs, which follow the sizes of model and data.

The learning rate is that of BERT-Base for its width, and rises as the width falls, up to the
highest rate that Turc et al. 2019 (https://arxiv.org/abs/1908.08962) recommend for small BERT
models. Small data sets are trained for more epochs, so that there are enough steps: see
Mosbach et al. 2020, https://arxiv.org/abs/2006.04884.
"""

import logging
import math

from finetune.config.config import AnyConfig
from finetune.util.plurals import count

_log = logging.getLogger(__name__)

_BASE_RATE, _BASE_WIDTH = 5e-5, 768  # BERT-Base
_MAX_RATE = 3e-4
_MIN_EPOCHS, _MAX_EPOCHS = 3, 10  # More epochs did not help: see docs/settings.md.
_ENOUGH_STEPS = 300


def learning_rate_for(hidden_size: int) -> float:
    """Returns the default learning rate for a model, with one significant digit."""
    rate = _BASE_RATE * (_BASE_WIDTH / hidden_size) ** 2
    return min(_MAX_RATE, float(f"{rate:.0e}"))


def epochs_for(num_rows: int, rows_per_step: int) -> float:
    """Returns the default number of epochs: enough for `_ENOUGH_STEPS`, within bounds."""
    epochs = math.ceil(_ENOUGH_STEPS * rows_per_step / num_rows)
    return float(min(max(epochs, _MIN_EPOCHS), _MAX_EPOCHS))


def with_size_defaults(config: AnyConfig, hidden_size: int, num_rows: int) -> AnyConfig:
    """Returns the configuration with learning rate and epochs; logs those that are defaults.

    Args:
      config: The configuration of a training run.
      hidden_size: The model's width.
      num_rows: The number of training rows.
    """
    rate, epochs = config.learning_rate, config.num_train_epochs
    if rate is None:
        rate = learning_rate_for(hidden_size)
        _log.info("--learning_rate=%g, the default for a hidden size of %d", rate, hidden_size)
    if epochs is None:
        epochs = epochs_for(num_rows, config.rows_per_step)
        _log.info("--num_train_epochs=%g, the default for %s", epochs, count(num_rows, "row"))
    return config.with_values({"learning_rate": rate, "num_train_epochs": epochs})
