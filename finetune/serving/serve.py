"""Load models, and serve them until a signal arrives."""

import argparse
import contextlib
import functools
import gc
import logging
from typing import Any, Callable, Dict, List, Mapping, Type

from finetune.data.processor import DataProcessor
from finetune.serving.app import Limits, make_app
from finetune.serving.batching import Batcher
from finetune.serving.metrics import Metrics
from finetune.serving.rest_api import RestApi
from finetune.serving.served_model import LoadModel, ServedModel
from finetune.serving.server import Server, Watcher, bound_socket, url_of
from finetune.util.quick_imports import import_tensorflow

_log = logging.getLogger(__name__)


def serve(
    folders: Mapping[str, str],
    processors: Mapping[str, Type[DataProcessor]],
    options: argparse.Namespace,
) -> None:
    """Serves models until a signal arrives.

    Args:
      folders: The folder of each model by name.
      processors: `PROCESSORS` from processors.py.
      options: The flags of serve.py.

    Raises:
      InputError: A folder contains no trained model, or the address is in use.
    """
    import_tensorflow()  # Takes seconds, so it happens after the flags are checked.
    gc.freeze()
    from finetune.runs import loaded_model

    metrics = Metrics()
    with contextlib.ExitStack() as stack:
        bound = stack.enter_context(bound_socket(options.host, options.port))
        load = functools.partial(
            loaded_model.load, processor_classes=processors, packed_weights=True
        )
        models: Dict[str, ServedModel] = {}
        for name, folder in folders.items():
            models[name] = make_model(name, folder, load, metrics, options)
            stack.callback(models[name].close)
        updates = [model.update for model in models.values()]
        stack.callback(Watcher(updates, options.poll_seconds).close)
        app = make_app(RestApi(models), metrics, Limits(options.max_body_bytes, options.timeout))

        def say_ready() -> None:
            _log.info("Serving at %s (Ctrl-C or SIGTERM ends it)", url_of(bound))

        Server(app, options.timeout, say_ready).run([bound])


def make_model(
    name: str, folder: str, load: LoadModel, metrics: Metrics, options: argparse.Namespace
) -> ServedModel:
    """Returns a loaded model, whose batches are counted."""

    def make_batcher(predict: Callable[[List[Any]], List[Any]]) -> Batcher:
        return Batcher(
            predict,
            max_tokens=options.max_batch_tokens,
            max_waiting=options.max_queue,
            observe=functools.partial(metrics.add_batch, name),
        )

    model = ServedModel(name, folder, load, make_batcher)
    metrics.watch_queue(name, lambda: model.current.num_waiting)
    _log.info("%s: version %d (%s)", name, model.current.number, folder)
    return model
