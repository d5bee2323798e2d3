"""Export a trained model as a SavedModel, which TensorFlow Serving loads."""

import logging
import os
import re
from typing import Callable, Dict, Type

import tensorflow.compat.v1 as tf

from finetune.runs.export import ExportRequest
from finetune.runs.export_source import check_folder, find_trained
from finetune.runs.prediction_session import damaged_as_input_errors
from finetune.runs.prepare import make_task
from finetune.runs.trained_run import trained_run
from finetune.tasks.classification import saved_model as classification
from finetune.tasks.classification.task import Classification
from finetune.tasks.question_answering import saved_model as question_answering
from finetune.tasks.question_answering.task import QuestionAnswering
from finetune.tasks.saved_model import ServingGraph, Signature
from finetune.tasks.tagging import saved_model as tagging
from finetune.tasks.tagging.task import Tagging
from finetune.tasks.task import Task
from finetune.util.files import atomic_folder
from finetune.util.log import is_useful

_log = logging.getLogger(__name__)

_BUILDERS: Dict[Type[Task], Callable[..., ServingGraph]] = {
    Classification: classification.build,
    Tagging: tagging.build,
    QuestionAnswering: question_answering.build,
}


def export_to_saved_model(request: ExportRequest) -> None:
    """Writes a trained model as the next version in a folder: 1, or one more than the highest.

    Raises:
      InputError: There is no trained model, or it cannot be exported.
    """
    _, checkpoint = find_trained(request.output_dir)
    check_folder(request.export_dir)
    run = trained_run(request.output_dir, request.processors)
    task = make_task(run)
    logging.getLogger("tensorflow").addFilter(is_useful)
    with tf.Graph().as_default(), tf.variable_scope("", use_resource=True):
        graph = _BUILDERS[type(task)](task, checkpoint)
        folder = os.path.join(request.export_dir, str(_next_version(request.export_dir)))
        with atomic_folder(folder) as scratch, damaged_as_input_errors(checkpoint):
            _save(graph, scratch)
    for note in graph.notes:
        _log.info("Note: %s", note)
    for name, signature in graph.signatures.items():
        _log.info("%s: %s → %s", name, ", ".join(signature.inputs), ", ".join(signature.outputs))
    _log.info("%s now contains a SavedModel", folder)


def _next_version(export_dir: str) -> int:
    """Returns the number of a version that TensorFlow Serving takes for the newest one."""
    names = os.listdir(export_dir) if os.path.isdir(export_dir) else []
    # Those of up to 18 digits: TensorFlow Serving reads versions as 64-bit integers.
    return max((int(name) for name in names if re.fullmatch("[0-9]{1,18}", name)), default=0) + 1


def _save(graph: ServingGraph, folder: str) -> None:
    """Writes the default graph, and its variables as initialised."""
    tables = tf.tables_initializer()
    builder = tf.saved_model.Builder(folder)
    definitions = {name: _definition(each) for name, each in graph.signatures.items()}
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tables])
        builder.add_meta_graph_and_variables(
            session, [tf.saved_model.SERVING], definitions, main_op=tables
        )
    builder.save()


def _definition(signature: Signature) -> "tf.saved_model.SignatureDef":
    inputs, outputs = (
        {name: tf.saved_model.build_tensor_info(tensor) for name, tensor in tensors.items()}
        for tensors in (signature.inputs, signature.outputs)
    )
    return tf.saved_model.build_signature_def(inputs, outputs, signature.method)
