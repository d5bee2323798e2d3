"""The model families of Hugging Face that this encoder computes: their settings and tensor names.

All are BERT's encoder with a few settings. Google's checkpoints and Hugging Face's name the same
tensors; one table per family says how, for reading and for writing:

    bert/encoder/layer_3/output/dense/kernel  <=>  bert.encoder.layer.3.output.dense.weight
"""

import dataclasses
import re
from typing import Any, Collection, Dict, Mapping, Sequence, Tuple

from finetune.util.errors import InputError

# The kinds of heads: the ends of the names in `architectures`. No head: the encoder, or a head for
# pretraining, which is left out.
NO_HEAD, SEQUENCE, TOKEN = "", "ForSequenceClassification", "ForTokenClassification"
ANSWER = "ForQuestionAnswering"

# How Google's names of the last layer's variables start.
LAST_LAYERS = {SEQUENCE: "output", TOKEN: "output", ANSWER: "cls/squad/output"}

# A part is a dense layer, a LayerNorm, or a table of embeddings: Google's names of its variables,
# and Hugging Face's.
_DENSE = {"/kernel": ".weight", "/bias": ".bias"}
_NORM = {"/gamma": ".weight", "/beta": ".bias"}
_TABLE = {"": ".weight"}
_OUTPUT = {"_weights": ".weight", "_bias": ".bias"}

_EMBEDDINGS = (
    ("embeddings/word_embeddings", "embeddings.word_embeddings", _TABLE),
    ("embeddings/position_embeddings", "embeddings.position_embeddings", _TABLE),
    ("embeddings/token_type_embeddings", "embeddings.token_type_embeddings", _TABLE),
    ("embeddings/LayerNorm", "embeddings.LayerNorm", _NORM),
    ("embeddings_project", "embeddings_project", _DENSE),  # Only ELECTRA's smaller models
)
_LAYER = (
    ("attention/self/query", "attention.self.query", _DENSE),
    ("attention/self/key", "attention.self.key", _DENSE),
    ("attention/self/value", "attention.self.value", _DENSE),
    ("attention/output/dense", "attention.output.dense", _DENSE),
    ("attention/output/LayerNorm", "attention.output.LayerNorm", _NORM),
    ("intermediate/dense", "intermediate.dense", _DENSE),
    ("output/dense", "output.dense", _DENSE),
    ("output/LayerNorm", "output.LayerNorm", _NORM),
)
_DISTILBERT_LAYER = dict(
    zip(
        (google for google, *_ in _LAYER),
        "attention.q_lin attention.k_lin attention.v_lin attention.out_lin sa_layer_norm "
        "ffn.lin1 ffn.lin2 output_layer_norm".split(),
    )
)
_DISTILBERT_CONFIG = {
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
    "hidden_act": "activation",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
    "classifier_dropout": "seq_classif_dropout",
}


_REQUIRED = (
    *("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"),
    *("intermediate_size", "hidden_act", "max_position_embeddings", "type_vocab_size"),
    "layer_norm_eps",
)


@dataclasses.dataclass(frozen=True)
class Family:
    """A model family.

    Attributes:
      model_type: Its name in config.json.
      class_name: How the names in `architectures` start.
      prefix: How the names of the encoder's tensors start.
      layers: The name of the encoder's list of layers.
      layer_names: Its names of a layer's parts, where they differ from BERT's, by Google's names.
      config_names: Its names of settings, where they differ from BERT's, by BERT's.
      fixed: Values of settings that its config.json does not contain.
      positions_after_padding: Whether positions start at pad_token_id + 1.
      pooler: The dense layer before the last one of a classifier.
      output: The last layer of a classifier.
      required: The settings, by BERT's names, that its config.json must contain.
    """

    model_type: str
    class_name: str
    prefix: str
    layers: str = "encoder.layer"
    layer_names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    config_names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    positions_after_padding: bool = False
    pooler: str = "classifier.dense"
    output: str = "classifier.out_proj"
    required: Sequence[str] = _REQUIRED

    def names(self, num_layers: int, head: str) -> Dict[str, str]:
        """Returns Hugging Face's names of all tensors that a model can have, by Google's names."""
        found: Dict[str, str] = {}

        def add(google: str, hugging_face: str, kind: Mapping[str, str]) -> None:
            found.update({google + end: hugging_face + kind[end] for end in kind})

        for google, name, kind in _EMBEDDINGS:
            add(f"bert/{google}", self.prefix + name, kind)
        for layer in range(num_layers):
            for google, name, kind in _LAYER:
                name = f"{self.layers}.{layer}.{self.layer_names.get(google, name)}"
                add(f"bert/encoder/layer_{layer}/{google}", self.prefix + name, kind)
        if head == SEQUENCE or self.pooler.startswith(self.prefix):
            add("bert/pooler/dense", self.pooler, _DENSE)
        if head:
            names = {SEQUENCE: self.output, TOKEN: "classifier", ANSWER: "qa_outputs"}
            add(LAST_LAYERS[head], names[head], _OUTPUT)
        return found


_FAMILIES = (
    Family("bert", "Bert", "bert.", pooler="bert.pooler.dense", output="classifier"),
    Family("roberta", "Roberta", "roberta.", positions_after_padding=True),
    Family("xlm-roberta", "XLMRoberta", "roberta.", positions_after_padding=True),
    Family("camembert", "Camembert", "roberta.", positions_after_padding=True),
    Family(
        "distilbert",
        "DistilBert",
        "distilbert.",
        layers="transformer.layer",
        layer_names=_DISTILBERT_LAYER,
        config_names=_DISTILBERT_CONFIG,
        fixed={"pooler_act": "relu", "type_vocab_size": 0, "layer_norm_eps": 1e-12},
        pooler="pre_classifier",
        output="classifier",
    ),
    Family(
        "electra",
        "Electra",
        "electra.",
        fixed={"pooler_act": "gelu"},
        required=(*_REQUIRED, "embedding_size"),
    ),
)
FAMILIES = {family.model_type: family for family in _FAMILIES}


def family_of(config: Mapping[str, Any], path: str) -> Family:
    """Returns the family of a config.json.

    Raises:
      InputError: The family is not supported.
    """
    model_type = config.get("model_type", "bert")
    if model_type not in FAMILIES:
        raise InputError(
            f"{path}: this is a {model_type!r} model; supported are {', '.join(FAMILIES)}."
        )
    return FAMILIES[model_type]


def head_of(config: Mapping[str, Any]) -> Tuple[str, str]:
    """Returns the kind of a model's head, and its architecture's name ("" if unknown)."""
    architectures = config.get("architectures") or [""]
    name = str(architectures[0])
    return next((kind for kind in LAST_LAYERS if name.endswith(kind)), NO_HEAD), name


def num_layers_in(tensor_names: Collection[str]) -> int:
    """Returns the number of layers that tensors of these names form."""
    layers = [int(found[1]) for key in tensor_names for found in _layer_of(key)]
    return max(layers, default=-1) + 1


def _layer_of(key: str) -> Any:
    return re.finditer(r"(?:^|\.)layer\.(\d{1,4})\.", key)
