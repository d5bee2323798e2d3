"""The signatures of a model: its inputs, and its predictions as named tensors."""

from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from finetune.serving.request_texts import EXAMPLES
from finetune.serving.rest_paths import CLASSIFY, PREDICT, REGRESS

DEFAULT = "serving_default"
METHODS = {verb: f"tensorflow/serving/{verb}" for verb in (PREDICT, CLASSIFY, REGRESS)}
METHOD_NAMES = {CLASSIFY: "classification", REGRESS: "regression"}

_STRING, _FLOAT, _INT = "DT_STRING", "DT_FLOAT", "DT_INT32"

Prediction = Mapping[str, Any]


class Tensor(NamedTuple):
    """An output of predict.

    Attributes:
      dtype: Its type, as TensorFlow names it.
      value_of: Returns the value for one prediction.
      rank: 1 if there is one value per text; 2 if there is a list of values.
      filler: The value that fills a list up to the length of the longest one.
    """

    dtype: str
    value_of: Callable[[Prediction], Any]
    rank: int = 1
    filler: Any = None


class Signatures:
    """The signatures of one model."""

    def __init__(self, kind: str, labels: Sequence[str], text_names: Tuple[str, ...]):
        """Creates them.

        Args:
          kind: See `LoadedModel`.
          labels: See `LoadedModel`.
          text_names: See `LoadedModel`.
        """
        self.kind = kind
        self.text_names = text_names
        self.outputs = _outputs(kind, list(labels))
        # The signature that each verb uses if the request names none.
        self.defaults = {PREDICT: DEFAULT}
        if kind in ("single_label", "multi_label"):
            self.defaults[CLASSIFY] = CLASSIFY
        elif kind == "regression":
            self.defaults[REGRESS] = REGRESS

    def outputs_of(self, name: str) -> Mapping[str, Tensor]:
        """Returns the outputs of a signature: of `DEFAULT`, or of one that takes examples."""
        return {CLASSIFY: _CLASSES, REGRESS: _NUMBERS}.get(name, self.outputs)

    def definition(self) -> Dict[str, Any]:
        """Returns the signatures as the JSON form of TensorFlow's `SignatureDef`."""
        texts = {name: _info(name, _STRING, 1) for name in self.text_names}
        examples = {EXAMPLES: _info("examples", _STRING, 1)}
        return {
            name: _definition(texts if name == DEFAULT else examples, self.outputs_of(name), verb)
            for verb, name in self.defaults.items()
        }


def rows(outputs: Mapping[str, Tensor], predictions: Sequence[Prediction]) -> List[Any]:
    """Returns the reply to a request in row format: one value per text."""
    columns = _columns(outputs, predictions)
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, values)) for values in zip(*columns.values())]


def columns(outputs: Mapping[str, Tensor], predictions: Sequence[Prediction]) -> Any:
    """Returns the reply to a request in column format: one list per output."""
    found = _columns(outputs, predictions)
    return next(iter(found.values())) if len(found) == 1 else found


def _columns(
    outputs: Mapping[str, Tensor], predictions: Sequence[Prediction]
) -> Dict[str, List[Any]]:
    return {name: _column(output, predictions) for name, output in outputs.items()}


def classes(prediction: Prediction) -> List[Tuple[str, float]]:
    """Returns the result of classify for a text: pairs of label and score."""
    return list(prediction["probabilities"].items())


def regression(prediction: Prediction) -> float:
    """Returns the result of regress for a text."""
    return prediction["prediction"]


def _outputs(kind: str, labels: List[str]) -> Dict[str, Tensor]:
    if kind == "entities":
        return {f"entity_{name}s": each for name, each in _ENTITY.items()}
    if kind == "answers":
        return _ANSWER
    if kind == "regression":
        return {"prediction": Tensor(_FLOAT, regression)}
    probabilities = {
        "labels": Tensor(_STRING, lambda _: labels, 2),
        "probabilities": _CLASSES["scores"],
    }
    if kind == "multi_label":
        return {"prediction": Tensor(_STRING, lambda p: p["prediction"], 2, ""), **probabilities}
    return {
        "prediction": Tensor(_STRING, lambda p: p["prediction"]),
        "score": Tensor(_FLOAT, lambda p: p["score"]),
        **probabilities,
    }


# The outputs of the signatures that take examples
_CLASSES = {
    "classes": Tensor(_STRING, lambda p: list(p["probabilities"]), 2),
    "scores": Tensor(_FLOAT, lambda p: list(p["probabilities"].values()), 2),
}
_NUMBERS = {"outputs": Tensor(_FLOAT, regression)}


def _entity_tensor(dtype: str, key: str, filler: Any) -> Tensor:
    return Tensor(dtype, lambda p: [entity[key] for entity in p["entities"]], 2, filler)


_ENTITY = {
    "type": _entity_tensor(_STRING, "type", ""),
    "start": _entity_tensor(_INT, "start", -1),
    "end": _entity_tensor(_INT, "end", -1),
    "surface": _entity_tensor(_STRING, "surface", ""),
    "score": _entity_tensor(_FLOAT, "score", 0.0),
}


_ANSWER = {
    "answer": Tensor(_STRING, lambda p: p["answer"]),
    "start": Tensor(_INT, lambda p: p["start"]),
    "end": Tensor(_INT, lambda p: p["end"]),
    "score": Tensor(_FLOAT, lambda p: p["score"]),
    "no_answer_probability": Tensor(_FLOAT, lambda p: p["no_answer_probability"]),
}


def _column(output: Tensor, predictions: Sequence[Prediction]) -> List[Any]:
    values = [output.value_of(prediction) for prediction in predictions]
    if output.rank == 1:
        return values
    # A tensor's rows have one length.
    length = max(map(len, values), default=0)
    return [[*value, *[output.filler] * (length - len(value))] for value in values]


def _definition(inputs: Any, outputs: Mapping[str, Tensor], verb: str) -> Dict[str, Any]:
    return {
        "inputs": inputs,
        "outputs": {name: _info(name, each.dtype, each.rank) for name, each in outputs.items()},
        "method_name": METHODS[verb],
        "defaults": {},
    }


def _info(name: str, dtype: str, rank: int) -> Dict[str, Any]:
    """Returns the JSON form of TensorFlow's `TensorInfo`; all dimensions have any size."""
    dimensions = [{"size": "-1", "name": ""} for _ in range(rank)]
    shape = {"dim": dimensions, "unknown_rank": False}
    return {"dtype": dtype, "tensor_shape": shape, "name": f"{name}:0"}
