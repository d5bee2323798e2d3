"""Requests, and the statuses and bodies that TensorFlow Serving documents.

The messages are those of its source: http_rest_api_handler.cc, json_tensor.cc, basic_manager.cc,
classifier.cc; those about features are what tf.io.parse_example says.
"""

import base64

GOOD = {"prediction": "good", "score": 0.75, "labels": ["bad", "good"]}
BAD = {**GOOD, "prediction": "bad"}
GOOD["probabilities"], BAD["probabilities"] = [0.25, 0.75], [0.75, 0.25]
GOOD_BASE64 = {"b64": base64.b64encode(b"good").decode()}


def example(feature, kind=b"\n"):
    """Returns a tf.Example as JSON: {text: [good]}, or a feature of another name or kind.

    Each message and text is preceded by its field's tag and its length, in one byte each.
    """
    value = kind + b"\x06\n\x04good"
    entry = b"\n" + bytes([len(feature)]) + feature + b"\x12" + bytes([len(value)]) + value
    features = b"\n" + bytes([len(entry)]) + entry
    serialized = b"\n" + bytes([len(features)]) + features
    return {"b64": base64.b64encode(serialized).decode()}


EXAMPLE = example(b"text")
AVAILABLE = {
    "version": "1",
    "state": "AVAILABLE",
    "status": {"error_code": "OK", "error_message": ""},
}
STATUS = {"model_version_status": [AVAILABLE]}
ENTITIES = {
    "entity_types": ["PER", "PER"],
    "entity_starts": [2, 5],
    "entity_ends": [4, 7],
    "entity_surfaces": ["AB", "CD"],
    "entity_scores": [0.5, 0.5],
}
NO_ENTITIES = {
    "entity_types": ["", ""],
    "entity_starts": [-1, -1],
    "entity_ends": [-1, -1],
    "entity_surfaces": ["", ""],
    "entity_scores": [0.0, 0.0],
}
ANSWER = {"answer": "b", "start": 2, "end": 3, "score": 0.5, "no_answer_probability": 0.25}
NO_ANSWER = {**ANSWER, "answer": "", "start": 0, "end": 0}

# (path below /v1, body, reply); without a body, the method is GET.
ANSWERED = [
    ("/models/mood", None, STATUS),
    ("/models/mood/versions/1", None, STATUS),
    ("/models/mood/versions/0001", None, STATUS),
    ("/models/m%6Fod", None, STATUS),
    ("/models/mood:predict", {"instances": ["good", "x"]}, {"predictions": [GOOD, BAD]}),
    ("/models/mood/versions/1:predict", {"instances": ["x"]}, {"predictions": [BAD]}),
    ("/models/mood:predict", {"instances": [{"text": "good"}]}, {"predictions": [GOOD]}),
    ("/models/mood:predict", {"instances": [GOOD_BASE64]}, {"predictions": [GOOD]}),
    ("/models/mood:predict", {"instances": [""]}, {"predictions": [BAD]}),
    ("/models/mood:predict", {"instances": ["x"] * 10_000}, {"predictions": [BAD] * 10_000}),
    (
        "/models/mood:predict",
        {"signature_name": "serving_default", "inputs": ["good", "x"]},
        {"outputs": {key: [GOOD[key], BAD[key]] for key in GOOD}},
    ),
    (
        "/models/mood:predict",
        {"inputs": {"text": ["good"]}},
        {"outputs": {k: [v] for k, v in GOOD.items()}},
    ),
    ("/models/stars:predict", {"inputs": []}, {"outputs": []}),
    ("/models/stars:predict", {"instances": ["four"]}, {"predictions": [4.5]}),
    ("/models/stars:predict", {"inputs": ["four", ""]}, {"outputs": [4.5, 0.5]}),
    ("/models/stars:regress", {"examples": [{"text": "four"}]}, {"results": [4.5]}),
    (
        "/models/mood:classify",
        {"signature_name": "classify", "examples": [{"text": ["good"]}, {"text": "x"}]},
        {"results": [[["bad", 0.25], ["good", 0.75]], [["bad", 0.75], ["good", 0.25]]]},
    ),
    (
        "/models/mood:predict",
        {"signature_name": "classify", "instances": [{"inputs": EXAMPLE}]},
        {"predictions": [{"classes": ["bad", "good"], "scores": [0.25, 0.75]}]},
    ),
    (
        "/models/stars:predict",
        {"signature_name": "regress", "inputs": {"inputs": [EXAMPLE]}},
        {"outputs": [4.5]},
    ),
    (
        "/models/pairs:classify",
        {"context": {"text_a": "good"}, "examples": [{"text_b": "x"}]},
        {"results": [[["bad", 0.25], ["good", 0.75]]]},
    ),
    (
        "/models/topics:predict",
        {"instances": ["good and bad", "neither"]},
        {
            "predictions": [
                {"prediction": ["bad", "good"], "labels": ["bad", "good"]}
                | {"probabilities": [0.875, 0.875]},
                {"prediction": ["", ""], "labels": ["bad", "good"]}
                | {"probabilities": [0.125, 0.125]},
            ]
        },
    ),
    (
        "/models/ner:predict",
        {"instances": ["é AB CD", "x"]},
        {"predictions": [ENTITIES, NO_ENTITIES]},
    ),
    (
        "/models/qa:predict",
        {"instances": [{"question": q, "context": "😀 b"} for q in ("b", "no")]},
        {"predictions": [ANSWER, NO_ANSWER]},
    ),
]

EMPTY = "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"
PREDICT, CLASSIFY = "/models/mood:predict", "/models/mood:classify"
WRONG = "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: "
ONE = {"instances": ["x"]}
# (path below /v1, body, status, message, or its start if it ends with "…")
REJECTED = [
    ("/models", None, 400, "Missing model name in request."),
    ("/foo", None, 400, "Malformed request: GET /v1/foo"),
    (PREDICT, None, 400, "Malformed request: GET /v1/models/mood:predict"),
    ("/models/mood", ONE, 400, "Malformed request: POST /v1/models/mood"),
    ("/models/mood:Predict", ONE, 400, "Malformed request: POST /v1/models/mood:Predict"),
    ("/models/mood/version/1:predict", ONE, 400, "Malformed request: …"),
    ("/models/mood/versions/one:predict", ONE, 400, "Malformed request: …"),
    ("/models/mood/labels/stable:predict", ONE, 400, "Unrecognized servable version label: stable"),
    (
        f"/models/mood/versions/{2**64}",
        None,
        400,
        f"Failed to convert version: {2**64} to numeric.",
    ),
    ("/models/half", None, 404, "Could not find any versions of model half"),
    ("/models/mood/versions/2", None, 404, "Could not find version 2 of model mood"),
    ("/models/half/metadata", None, 404, "Servable not found for request: Latest(half)"),
    ("/models/half:predict", ONE, 404, "Servable not found for request: Latest(half)"),
    (
        "/models/mood/versions/2:predict",
        ONE,
        404,
        "Servable not found for request: Specific(mood, 2)",
    ),
    (PREDICT, b"", 400, "JSON Parse error: The document is empty"),
    (PREDICT, b"instances = [1, 2]", 400, "JSON Parse error: Invalid value. at offset: 0"),
    (PREDICT, b'{"instances": ["\xc3\xa9" "x"]}', 400, "JSON Parse error: Missing a …"),
    (PREDICT, b'{"instances": ["x"', 400, "JSON Parse error: …"),
    (
        PREDICT,
        b'{"instances": ["\xff"]}',
        400,
        "JSON Parse error: Invalid encoding in string. at offset: 16",
    ),
    (
        PREDICT,
        b'{"instances": ["\\ud800"]}',
        400,
        "JSON Parse error: The surrogate pair in string is invalid.",
    ),
    (PREDICT, b"[" * 100_000, 400, "JSON Parse error: …"),
    (PREDICT, b'{"instances": [' + b"9" * 5000 + b"]}", 400, "…"),
    (PREDICT, b'["x"]', 400, 'JSON Value: ["x"] Is not object'),
    (PREDICT, {"signature_name": 100, **ONE}, 400, "JSON Value: …' key must be a string value."),
    (
        PREDICT,
        {"signature_name": "mine", **ONE},
        400,
        'Serving signature name: "mine" not found in signature def',
    ),
    (
        PREDICT,
        {"signature_name": "regress", "instances": [EXAMPLE]},
        400,
        'Serving signature name: "regress" not found in signature def',
    ),
    (
        PREDICT,
        {"signature_name": "classify", "instances": ["xyz"]},
        400,
        "Could not parse example input, value: 'xyz'",
    ),
    (
        PREDICT,
        {"signature_name": "classify", "instances": [example(b"word")]},
        400,
        "Name: <unknown>, Feature: text (data type: string) is required but could not be found.",
    ),
    (
        PREDICT,
        {"signature_name": "classify", "instances": [example(b"text", kind=b"\x1a")]},
        400,
        "Name: <unknown>, Key: text, Index: 0.  Data types don't match. Data type: "
        "int64 but expected type: string",
    ),
    (PREDICT, {"texts": ["x"]}, 400, "Missing 'inputs' or 'instances' key"),
    (PREDICT, {"inputs": ["x"], **ONE}, 400, "JSON Value: …"),
    (
        PREDICT,
        {"instances": "x"},
        400,
        'JSON Value: {\n    "instances": "x"\n} Expecting \'instances\' to be an list/array',
    ),
    (PREDICT, {"instances": []}, 400, EMPTY),
    (
        PREDICT,
        b'{"instances": [NaN]}',
        400,
        f"{WRONG}NaN Type: Number is not of expected type: string",
    ),
    (
        PREDICT,
        {"instances": [None]},
        400,
        f"{WRONG}null Type: Null is not of expected type: string",
    ),
    (
        PREDICT,
        {"instances": [["x"]]},
        400,
        f'{WRONG}["x"] Type: Array is not of expected type: string',
    ),
    (PREDICT, {"instances": [{"b64": "?"}]}, 400, "…Unable to base64 decode"),
    (
        PREDICT,
        {"instances": ["x", {"text": "x"}]},
        400,
        "Expecting value/list but got object at item 1 of input list",
    ),
    (
        PREDICT,
        {"instances": [{"text": "x"}, "x"]},
        400,
        "Expecting object but got list at item 1 of input list",
    ),
    (
        PREDICT,
        {"instances": [{"txt": "x"}]},
        400,
        "Failed to process element: 0 key: txt of 'instances' list. Error: "
        "INVALID_ARGUMENT: JSON object: does not have named input: txt",
    ),
    (
        "/models/pairs:predict",
        ONE,
        400,
        "instances is a plain list, but expecting list of objects as multiple input "
        "tensors required as per tensorinfo_map",
    ),
    (
        "/models/pairs:predict",
        {"instances": [{"text_a": "x"}]},
        400,
        "Failed to process element: 0 of 'instances' list. JSON object: {\n    "
        '"text_a": "x"\n} keys must be equal to: text_a,text_b',
    ),
    (
        "/models/pairs:predict",
        {"inputs": {"text_a": ["x"]}},
        400,
        "Missing named input: text_b in 'inputs' object.",
    ),
    (
        "/models/pairs:predict",
        {"inputs": {"text_a": ["x"], "text_b": []}},
        400,
        "The inputs have different numbers of texts (text_a: 1, text_b: 0).",
    ),
    (PREDICT, {"instances": ["rejected"]}, 400, "text 1: rejected."),
    (PREDICT, {"instances": ["crash"]}, 500, "Internal error; the server's log has the details."),
    (
        PREDICT,
        b'{"instances": ["' + b"x" * 10_000_000 + b'"]}',
        413,
        "The request's body is larger than 1048576 bytes.",
    ),
    (
        CLASSIFY,
        {"examples": []},
        400,
        "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array",
    ),
    (CLASSIFY, ONE, 400, "…key 'examples' is expected and was not found"),
    (CLASSIFY, {"examples": ["x"]}, 400, "Example must be JSON object but got JSON String"),
    (
        CLASSIFY,
        {"examples": [{"text": None}]},
        400,
        "Feature: text has element with unexpected JSON type: Null",
    ),
    (
        CLASSIFY,
        {"examples": [{"text": ["x", 1]}]},
        400,
        "Unexpected element type in feature: text expecting type: bytes",
    ),
    (
        CLASSIFY,
        {"examples": [{}]},
        400,
        "Name: <unknown>, Feature: text (data type: string) is required but could not be found.",
    ),
    (
        CLASSIFY,
        {"examples": [{"text": 1}]},
        400,
        "Name: <unknown>, Key: text, Index: 0.  Data types don't match. Data type: "
        "int64 but expected type: string",
    ),
    (
        CLASSIFY,
        {"examples": [{"text": []}]},
        400,
        "Name: <unknown>, Key: text, Index: 0.  Number of bytes values != expected.  "
        "Values size: 0 but output shape: []",
    ),
    (
        CLASSIFY,
        {"signature_name": "mine", "examples": [{}]},
        400,
        "No signature was found with the name: mine",
    ),
    (
        "/models/mood:regress",
        {"examples": [{"text": "x"}]},
        400,
        "Expected regression signature method_name to be tensorflow/serving/regress. "
        "Was: tensorflow/serving/predict",
    ),
]
