"""Which variables a training leaves alone, and which have a learning rate of their own."""

from typing import Dict, List

from finetune.config import Config, UsageError

EMBEDDINGS = "^bert/embeddings/"
HEAD = "^(?!bert/)"  # All that is on top of BERT


def _layer(number: int) -> str:
    return f"^bert/encoder/layer_{number}/"


def frozen(config: Config, num_layers: int) -> List[str]:
    """Returns regular expressions of the names of variables that are not trained.

    Raises:
      UsageError: More layers are to be frozen than the model has.
    """
    if config.freeze_layers > num_layers:
        raise UsageError(
            f"--freeze_layers={config.freeze_layers}: the model has {num_layers} layers."
        )
    layers = [_layer(number) for number in range(config.freeze_layers)]
    return ([EMBEDDINGS] if config.freeze_embeddings else []) + layers


def learning_rate_factors(config: Config, num_layers: int) -> Dict[str, float]:
    """Returns factors of the learning rate, as of `optimization.create_optimizer`.

    With a decay d, the highest of N layers has d, the lowest d^N, the embeddings d^(N + 1); what is
    above the layers has 1. The idea is Howard and Ruder's ("discriminative fine-tuning", 2018,
    https://arxiv.org/abs/1801.06146, section 3.2).
    """
    factors = {}
    if config.head_learning_rate_factor != 1:
        factors[HEAD] = config.head_learning_rate_factor
    decay = config.layerwise_lr_decay
    if decay != 1:
        factors[EMBEDDINGS] = decay ** (num_layers + 1)
        factors.update({_layer(i): decay ** (num_layers - i) for i in range(num_layers)})
    return factors
