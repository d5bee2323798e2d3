"""Answer the requests of TensorFlow Serving's REST API, without HTTP."""

import asyncio
import json
from typing import Any, Awaitable, Callable, Dict, List, Mapping, Optional, Sequence

from finetune.serving import request_texts, signatures
from finetune.serving.batching import Answers
from finetune.serving.errors import RestError, bad_request
from finetune.serving.example_protos import features_of
from finetune.serving.json_values import parse_object
from finetune.serving.request_texts import Predict, Text
from finetune.serving.rest_paths import CLASSIFY, METADATA, PREDICT, STATUS, Target
from finetune.serving.served_model import ServedModel
from finetune.serving.signatures import METHODS, Signatures
from finetune.util.errors import InputError

# Waits for predictions; raises RestError if that takes too long.
Wait = Callable[[Answers], Awaitable[List[Mapping[str, Any]]]]


class RestApi:
    """The API for some models."""

    def __init__(self, models: Mapping[str, ServedModel]):
        """Creates the API.

        Args:
          models: The models by name.
        """
        self.models = models

    async def reply(self, target: Target, body: bytes, wait: Wait) -> bytes:
        """Returns the body of the reply to a request.

        Args:
          target: What the request is about.
          body: Its body.
          wait: Waits for predictions.

        Raises:
          RestError: The request cannot be answered.
        """
        if target.verb == STATUS:
            return encode(self._status(target))
        if target.verb == METADATA:
            return encode(self._metadata(target))
        request = parse_object(body)
        name = request_texts.signature_name(request)
        if target.verb != PREDICT:
            return encode(await self._results(target, request, name, wait))
        found = self._signatures(target)
        texts, by_row = _predict_texts(found, name, request)
        predictions = await self._predictions(target, texts, wait)
        outputs = found.outputs_of(name)
        if by_row:
            return encode({"predictions": signatures.rows(outputs, predictions)})
        return encode({"outputs": signatures.columns(outputs, predictions)})

    async def _results(
        self, target: Target, request: Dict[str, Any], name: str, wait: Wait
    ) -> Dict[str, Any]:
        """Returns the reply to a classify or regress request."""
        examples = request_texts.examples_of(request)
        found = self._signatures(target)
        _check_method(found, target.verb, name)
        texts = request_texts.texts_of(examples, found.text_names)
        predictions = await self._predictions(target, texts, wait)
        is_classify = target.verb == CLASSIFY
        result_of: Callable[..., Any] = signatures.classes if is_classify else signatures.regression
        return {"results": [result_of(prediction) for prediction in predictions]}

    async def _predictions(
        self, target: Target, texts: Sequence[Text], wait: Wait
    ) -> List[Mapping[str, Any]]:
        if not texts:
            return []
        answers = self._model(target).submit(target.version, texts)
        try:
            return await wait(answers)
        except InputError as error:
            raise bad_request(str(error)) from None

    def _model(self, target: Target) -> ServedModel:
        model = self.models.get(target.model)
        if model is None:
            version = target.version
            wanted = f"Latest({target.model})"
            if version is not None:
                wanted = f"Specific({target.model}, {version})"
            raise RestError(404, f"Servable not found for request: {wanted}")
        return model

    def _signatures(self, target: Target) -> Signatures:
        return self._model(target).version(target.version).signatures

    def _status(self, target: Target) -> Dict[str, Any]:
        model = self.models.get(target.model)
        states = model.states() if model else {}
        if target.version is not None:
            if target.version not in states:
                version = target.version
                raise RestError(404, f"Could not find version {version} of model {target.model}")
            states = {target.version: states[target.version]}
        if not states:
            raise RestError(404, f"Could not find any versions of model {target.model}")
        ok = {"error_code": "OK", "error_message": ""}
        return {
            "model_version_status": [
                {"version": str(version), "state": state, "status": ok}
                for version, state in states.items()
            ]
        }

    def _metadata(self, target: Target) -> Dict[str, Any]:
        version = self._model(target).version(target.version)
        definition = {"signature_def": version.signatures.definition()}
        return {
            "model_spec": {
                "name": target.model,
                "signature_name": "",
                "version": str(version.number),
            },
            "metadata": {"signature_def": definition},
        }


def _predict_texts(found: Signatures, name: str, request: Dict[str, Any]) -> Predict:
    """Returns the texts of a predict request, which can use any signature."""
    if name in ("", signatures.DEFAULT):
        return request_texts.predict_request(request, found.text_names)
    if name not in found.defaults.values():
        raise bad_request(f'Serving signature name: "{name}" not found in signature def')
    serialized, by_row = request_texts.predict_examples(request)
    examples = list(map(features_of, serialized))
    return Predict(request_texts.texts_of(examples, found.text_names), by_row)


def _check_method(found: Signatures, verb: str, name: str) -> None:
    name = name or found.defaults.get(verb, signatures.DEFAULT)
    methods = {signature: method for method, signature in found.defaults.items()}
    if name not in methods:
        raise bad_request(f"No signature was found with the name: {name}")
    if methods[name] != verb:
        raise bad_request(
            f"Expected {signatures.METHOD_NAMES[verb]} signature method_name to be "
            f"{METHODS[verb]}. Was: {METHODS[methods[name]]}"
        )


def encode(value: Any) -> bytes:
    """Returns a reply as JSON."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


async def wait_for(
    answers: Answers, seconds: float, gone: Optional["asyncio.Future[Any]"] = None
) -> List[Mapping[str, Any]]:
    """Waits for predictions.

    Args:
      answers: The predictions.
      seconds: The maximum time.
      gone: Is done when the client has hung up.

    Raises:
      RestError: They are not there in time, or the client has hung up.
    """
    found = asyncio.wrap_future(answers)
    waited = [found] if gone is None else [found, gone]
    try:
        await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if found.done():
            return found.result()
    finally:
        answers.cancel()  # `found.cancel()` would do so only in the next turn of the loop
    if gone is not None and gone.done():
        raise RestError(499, "The client has closed the connection.")
    raise RestError(504, f"The request was not answered within {seconds:g} seconds.")
