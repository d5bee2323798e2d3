"""The features of a serialized `tf.Example`."""

from typing import Any, List

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from finetune.serving.errors import bad_request
from finetune.serving.json_values import shown
from finetune.serving.request_texts import Features


def features_of(serialized: bytes) -> Features:
    """Returns the values of each feature.

    Raises:
      RestError: It is not an example.
    """
    from tensorflow.core.example import example_pb2  # Imports TensorFlow, which takes seconds.

    try:
        example = example_pb2.Example.FromString(serialized)
    except DecodeError:
        text = shown(serialized.decode("utf-8", "replace"))[1:-1]
        raise bad_request(f"Could not parse example input, value: '{text}'") from None
    return {name: _values(feature) for name, feature in example.features.feature.items()}


def _values(feature: Any) -> List[Any]:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []
