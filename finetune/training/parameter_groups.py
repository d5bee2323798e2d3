"""Select the variables that are frozen, and those with a learning rate of their own."""

from typing import Dict, List

from finetune.config.config import Config
from finetune.util.errors import UsageError
from finetune.util.plurals import count

EMBEDDINGS = "^bert/embeddings/"
HEAD = "^(?!bert/)"  # Everything on top of BERT


def _layer(number: int) -> str:
    return f"^bert/encoder/layer_{number}/"


def frozen(config: Config, num_layers: int) -> List[str]:
    """Returns regular expressions that match the names of frozen variables.

    Raises:
      UsageError: --freeze_layers exceeds the number of layers.
    """
    if config.freeze_layers > num_layers:
        raise UsageError(
            f"--freeze_layers={config.freeze_layers}: the model has {count(num_layers, 'layer')}."
        )
    layers = [_layer(number) for number in range(config.freeze_layers)]
    return ([EMBEDDINGS] if config.freeze_embeddings else []) + layers


def learning_rate_factors(config: Config, num_layers: int) -> Dict[str, float]:
    """Returns learning-rate factors by variable pattern; see `optimization.create_optimizer`.

    With decay d and N layers, the factor is d for the highest layer, d^N for the lowest, d^(N + 1)
    for the embeddings, and 1 for everything above the layers. This is the discriminative
    fine-tuning of Howard and Ruder 2018, https://arxiv.org/abs/1801.06146, section 3.2.
    """
    factors = {}
    if config.head_learning_rate_factor != 1:
        factors[HEAD] = config.head_learning_rate_factor
    decay = config.layerwise_lr_decay
    if decay != 1:
        factors[EMBEDDINGS] = decay ** (num_layers + 1)
        factors.update({_layer(i): decay ** (num_layers - i) for i in range(num_layers)})
    return factors
