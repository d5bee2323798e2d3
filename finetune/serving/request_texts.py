"""The texts in the bodies of predict, classify and regress requests."""

import base64
import binascii
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple, Union

from finetune.serving.errors import RestError, bad_request
from finetune.serving.json_values import shown, type_of

Text = Union[str, Tuple[str, ...]]  # A tuple if the model takes two texts

Features = Dict[str, List[Any]]
EXAMPLES = "inputs"  # The name of the input that takes examples


class Predict(NamedTuple):
    """A predict request.

    Attributes:
      texts: The texts; if the signature takes examples, the serialized `tf.Example`s.
      by_row: Whether it has row format.
    """

    texts: List[Any]
    by_row: bool


class _Inputs(NamedTuple):
    """The names of a signature's inputs, and a function that reads the value of one."""

    names: Sequence[str]
    read: Callable[[Any], Any]


def signature_name(body: Dict[str, Any]) -> str:
    """Returns the name of the signature in a request, or ""."""
    name = body.get("signature_name", "")
    if not isinstance(name, str):
        raise bad_request(
            f"JSON Value: {shown(body)} not formatted correctly. 'signature_name' key must be a "
            "string value."
        )
    return name


def predict_request(body: Dict[str, Any], names: Sequence[str]) -> Predict:
    """Returns the texts of a predict request.

    Args:
      body: The request.
      names: The names of the model's texts.

    Raises:
      RestError: The request is wrong.
    """
    return _predict_request(body, _Inputs(names, _string))


def predict_examples(body: Dict[str, Any]) -> Predict:
    """Returns the serialized examples of a predict request, whose signature takes examples.

    Raises:
      RestError: The request is wrong.
    """
    return _predict_request(body, _Inputs((EXAMPLES,), _bytes))


def _predict_request(body: Dict[str, Any], inputs: _Inputs) -> Predict:
    if "instances" in body and "inputs" in body:
        raise bad_request(
            f"JSON Value: {shown(body)} Not formatted correctly expecting only one of 'inputs' or "
            "'instances' keys to exist "
        )
    if "instances" in body:
        return Predict(_rows(_list_of(body, "instances"), inputs), by_row=True)
    if "inputs" in body:
        return Predict(_columns(body["inputs"], inputs), by_row=False)
    raise bad_request("Missing 'inputs' or 'instances' key")


def _list_of(body: Dict[str, Any], key: str) -> List[Any]:
    values = body[key]
    if not isinstance(values, list):
        raise bad_request(f"JSON Value: {shown(body)} Expecting '{key}' to be an list/array")
    if not values:
        raise bad_request(f"JSON Value: {shown(body)} No values in '{key}' array")
    return values


def _rows(rows: List[Any], inputs: _Inputs) -> List[Any]:
    are_objects = _is_object(rows[0])
    if not are_objects and len(inputs.names) > 1:
        raise bad_request(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    return [_row(number, row, inputs, are_objects) for number, row in enumerate(rows)]


def _row(number: int, row: Any, inputs: _Inputs, is_object: bool) -> Any:
    if is_object != _is_object(row):
        found = "object but got list" if is_object else "value/list but got object"
        raise bad_request(f"Expecting {found} at item {number} of input list")
    if not is_object:
        with_place = f"Failed to process element: {number} of 'instances' list. Error: "
        return _in_place(with_place, row, inputs)
    values = {}
    for name, value in row.items():
        place = f"Failed to process element: {number} key: {name} of 'instances' list. Error: "
        if name not in inputs.names:
            message = f"JSON object: does not have named input: {name}"
            raise bad_request(f"{place}INVALID_ARGUMENT: {message}")
        values[name] = _in_place(place, value, inputs)
    if len(values) != len(inputs.names):
        raise bad_request(
            f"Failed to process element: {number} of 'instances' list. JSON object: {shown(row)} "
            f"keys must be equal to: {','.join(sorted(inputs.names))}"
        )
    return _joined([values[name] for name in inputs.names])


def _in_place(place: str, value: Any, inputs: _Inputs) -> Any:
    try:
        return inputs.read(value)
    except RestError as error:
        raise bad_request(f"{place}INVALID_ARGUMENT: {error}") from None


def _columns(given: Any, inputs: _Inputs) -> List[Any]:
    names = inputs.names
    if not _is_object(given):
        if len(names) > 1:
            raise bad_request(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        given = {names[0]: given}
    for name in names:
        if name not in given:
            raise bad_request(f"Missing named input: {name} in 'inputs' object.")
    columns = [_column(given[name], inputs) for name in names]
    if len(set(map(len, columns))) > 1:
        sizes = ", ".join(f"{name}: {len(column)}" for name, column in zip(names, columns))
        raise bad_request(f"The inputs have different numbers of texts ({sizes}).")
    return [_joined(values) for values in zip(*columns)]


def _column(values: Any, inputs: _Inputs) -> List[Any]:
    if not isinstance(values, list):
        inputs.read(values)  # Says what is wrong if it is not a text.
        raise bad_request(f"JSON Value: {shown(values)} is a text; expected a list of texts.")
    return [inputs.read(value) for value in values]


def examples_of(body: Dict[str, Any]) -> List[Features]:
    """Returns the features of each example of a classify or regress request.

    Raises:
      RestError: The request is wrong.
    """
    context = _features(body.get("context", {}))
    if "examples" not in body:
        raise bad_request(
            f"JSON Value: {shown(body)} When method is classify, key 'examples' is expected and "
            "was not found"
        )
    examples = body["examples"]
    if not isinstance(examples, list):
        raise bad_request(
            f"JSON Value: {shown(body)} Expecting 'examples' value to be an list/array"
        )
    if not examples:
        raise bad_request(f"JSON Value: {shown(body)} 'examples' value is an empty array")
    return [{**context, **_features(example)} for example in examples]


def texts_of(examples: List[Features], names: Sequence[str]) -> List[Text]:
    """Returns the texts of examples.

    Args:
      examples: See `examples_of`.
      names: The names of the model's texts.

    Raises:
      RestError: An example lacks a text.
    """
    return [
        _joined([_feature_text(example, name, number) for name in names])
        for number, example in enumerate(examples)
    ]


def _features(example: Any) -> Features:
    """Returns the values of each feature of an example."""
    if not isinstance(example, dict):
        raise bad_request(f"Example must be JSON object but got JSON {type_of(example)}")
    return {
        name: _feature_values(name, value if isinstance(value, list) else [value])
        for name, value in example.items()
    }


def _feature_values(name: str, values: List[Any]) -> List[Any]:
    for value in values:
        if value is None or isinstance(value, list) or _is_object(value):
            raise bad_request(
                f"Feature: {name} has element with unexpected JSON type: {type_of(value)}"
            )
        if _kind(value) != _kind(values[0]):
            kind = _kind(values[0])
            raise bad_request(f"Unexpected element type in feature: {name} expecting type: {kind}")
    return values


def _kind(value: Any) -> str:
    if isinstance(value, (str, bytes, dict)):
        return "bytes"
    return "float" if isinstance(value, float) else "int64"


def _feature_text(row: Features, name: str, number: int) -> str:
    # The messages of TensorFlow's ParseExample
    values = row.get(name)
    if values is None:
        raise bad_request(
            f"Name: <unknown>, Feature: {name} (data type: string) is required but could not be "
            "found."
        )
    place = f"Name: <unknown>, Key: {name}, Index: {number}.  "
    if values and _kind(values[0]) != "bytes":
        kind = _kind(values[0])
        raise bad_request(
            f"{place}Data types don't match. Data type: {kind} but expected type: string"
        )
    if len(values) != 1:
        raise bad_request(
            f"{place}Number of bytes values != expected.  Values size: {len(values)} but output "
            "shape: []"
        )
    return _string(values[0])


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value: Dict[str, Any]) -> bool:
    return list(value) == ["b64"] and isinstance(value["b64"], str)


def _string(value: Any) -> str:
    """Returns a text, which can be given as {"b64": …}."""
    if isinstance(value, str):
        return value
    try:
        return _bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise bad_request("Unable to base64 decode") from None


def _bytes(value: Any) -> bytes:
    """Returns the bytes of a text, or those that {"b64": …} stands for."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8")
    if not isinstance(value, dict):
        raise bad_request(
            f"JSON Value: {shown(value)} Type: {type_of(value)} is not of expected type: string"
        )
    if not _is_base64(value):
        raise bad_request(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError):
        raise bad_request("Unable to base64 decode") from None


def _joined(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)
