"""The signatures of a SavedModel, for all tasks.

All signatures of a model share one graph: examples → texts → wordpiece ids → outputs. Each can be
fed with its own inputs, because the inputs between are placeholders with defaults.
"""

import dataclasses
from typing import Callable, Dict, Mapping, NamedTuple, Sequence

import tensorflow.compat.v1 as tf

from finetune.config.config import Config
from finetune.models.graph_tokenizer import GraphTokenizer
from finetune.models.model_fn import ModelFn
from finetune.models.pretrained import Pretrained
from finetune.tasks.task import Task
from tokenization import FullTokenizer

_CONSTANTS = tf.saved_model.signature_constants
DEFAULT = _CONSTANTS.DEFAULT_SERVING_SIGNATURE_DEF_KEY
TOKEN_IDS = "token_ids"
CLASSIFY, REGRESS = "classify", "regress"

Tensors = Dict[str, tf.Tensor]


class Signature(NamedTuple):
    """A signature.

    Attributes:
      inputs: The inputs by name.
      outputs: The outputs by name.
      method: The name of its method, as TensorFlow Serving knows it.
    """

    inputs: Mapping[str, tf.Tensor]
    outputs: Mapping[str, tf.Tensor]
    method: str = _CONSTANTS.PREDICT_METHOD_NAME


@dataclasses.dataclass(frozen=True)
class ServingGraph:
    """What a task has built in the default graph.

    Attributes:
      signatures: The signatures by name.
      notes: What is left out and why, for the user.
    """

    signatures: Dict[str, Signature]
    notes: Sequence[str] = ()


class TextInputs(NamedTuple):
    """The inputs of a graph that takes texts.

    Attributes:
      examples: Serialised `tf.Example`s, string [B].
      texts: The texts by name, string [B] each, which by default are those of the examples.
    """

    examples: tf.Tensor
    texts: Tensors

    @classmethod
    def named(cls, names: Sequence[str]) -> "TextInputs":
        """Adds the inputs to the default graph."""
        examples = tf.placeholder(tf.string, [None], name="examples")
        parsed = tf.io.parse_example(
            examples, {name: tf.io.FixedLenFeature([], tf.string) for name in names}
        )
        texts = {
            name: tf.placeholder_with_default(parsed[name], [None], name=name) for name in names
        }
        return cls(examples, texts)


def make_graph(
    task: Task,
    clean_steps: Sequence[str],
    ranks: Mapping[str, int],
    outputs_of: Callable[[Tensors], Tensors],
    signatures_of: Callable[[TextInputs], Dict[str, Signature]],
) -> ServingGraph:
    """Builds a trained model in the default graph, with texts as inputs if it can tokenize them.

    Args:
      task: The task.
      clean_steps: How its texts are cleaned.
      ranks: The rank of each input that the model has without texts.
      outputs_of: Returns the outputs for these inputs.
      signatures_of: Returns the signatures of a graph that takes texts.
    """
    reason = _why_without_texts(task.model, task.config, clean_steps)
    if not reason:
        return ServingGraph(signatures_of(TextInputs.named(task.text_names)))
    features = {
        name: tf.placeholder(tf.int32, [None] * rank, name=name) for name, rank in ranks.items()
    }
    by_ids = Signature(features, outputs_of(features))
    note = f"There is no signature that takes texts: {reason}."
    return ServingGraph({DEFAULT: by_ids, TOKEN_IDS: by_ids}, [note])


def _why_without_texts(model: Pretrained, config: Config, clean_steps: Sequence[str]) -> str:
    """Returns why a graph cannot take texts; "" if it can."""
    if not isinstance(model.tokenizer, FullTokenizer):
        return "the tokenizer is not BERT's"
    if config.preserve_unused_tokens:
        return "the model was trained with --preserve_unused_tokens=true"
    if clean_steps:
        return f"the model was trained with --clean={','.join(clean_steps)}"
    return ""


def make_signatures(
    texts: TextInputs,
    features: Tensors,
    outputs: Tensors,
    examples_signatures: Mapping[str, Callable[[tf.Tensor], Signature]],
) -> Dict[str, Signature]:
    """Returns the signatures of a model that takes texts.

    Args:
      texts: The inputs of texts.
      features: The inputs of wordpiece ids.
      outputs: The outputs of predict.
      examples_signatures: Makes the signatures that take examples, by name.
    """
    return {
        DEFAULT: Signature(texts.texts, outputs),
        TOKEN_IDS: Signature(features, outputs),
        **{name: make(texts.examples) for name, make in examples_signatures.items()},
    }


def feedable(computed: Tensors) -> Tensors:
    """Returns inputs whose defaults are computed from texts."""
    return {
        name: tf.placeholder_with_default(
            tensor, [None] * tensor.shape.ndims, name=f"{name}_of_texts"
        )
        for name, tensor in computed.items()
    }


def predictions_of(model_fn: ModelFn, features: Tensors) -> Tensors:
    """Adds a trained model to the default graph; returns its predictions by name."""
    return model_fn.predictions(features)


def make_tokenizer(model: Pretrained) -> GraphTokenizer:
    """Returns the tokenizer of a model whose graph takes texts, for the default graph."""
    assert isinstance(model.tokenizer, FullTokenizer)
    return GraphTokenizer(model.tokenizer)
