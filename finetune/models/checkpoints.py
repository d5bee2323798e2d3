"""Read and write checkpoints, and report what in one fits a graph."""

import copy
import dataclasses
import glob
import logging
import re
from typing import Dict, List, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

import modeling
from finetune.util.errors import InputError
from finetune.util.files import sha256_of

_log = logging.getLogger(__name__)

_HEAD = ("output_weights", "output_bias", "crf/start", "crf/transitions", "crf/end")
# Layers that a checkpoint may lack: what the toolkit adds to BERT, and a pooler that was not saved.
_OPTIONAL = re.compile(r"(^|/)(sequence_output|pooler)/")
# What a training resumes from, besides the weights; the last two belong to a loss scale.
OPTIMIZER_SLOTS = re.compile(r"/adam_[mv]$|^current_loss_scale$|^good_steps$")
_OPTIMIZER = re.compile(OPTIMIZER_SLOTS.pattern + "|^global_step$")
_LAYER = re.compile(r"(^|/)encoder/layer_\d+/")
_MAX_LISTED = 12  # Names of one kind in a report


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """What in a checkpoint goes into a graph's variables, by name.

    Attributes:
      checkpoint: Its path.
      matched: Variables with the same name and shape.
      missing: Variables that only the graph has.
      unused: Variables that only the checkpoint has.
      mismatched: Variables with different shapes, and both shapes as text.
    """

    checkpoint: str
    matched: List[str]
    missing: List[str]
    unused: List[str]
    mismatched: Dict[str, str]

    def without_head(self) -> "LoadReport":
        """Returns the report with the checkpoint's head unused."""
        head = [name for name in self.matched if name in _HEAD]
        return dataclasses.replace(
            self,
            matched=[name for name in self.matched if name not in head],
            missing=self.missing + head,
            unused=self.unused + head,
        )

    def check_trained(self) -> None:
        """Raises `InputError` if a variable would keep its random values."""
        untrained = [*self.missing, *(f"{n} ({how})" for n, how in self.mismatched.items())]
        if untrained:
            raise InputError(
                f"{self.checkpoint}: not trained for this task, so its answers would be random. "
                + _listing("Missing or with another shape", untrained)
                + ". Train first: --do_train=true."
            )

    def check_encoder(self) -> None:
        """Raises `InputError` if a variable of the encoder is missing or has another shape."""
        wrong = [f"{n} ({how})" for n, how in self.mismatched.items() if n not in _HEAD]
        lost = [n for n in self.missing if n not in _HEAD and not _OPTIONAL.search(n)]
        more = [n for n in self.unused if _LAYER.search(n) and not _OPTIMIZER.search(n)]
        if wrong or lost or more:
            kinds = (("Missing", lost), ("Other shape", wrong), ("Too many layers", more))
            raise InputError(
                f"{self.checkpoint}: the checkpoint does not match the BERT configuration. "
                + "; ".join(_listing(*kind) for kind in kinds if kind[1])
                + ". Give the bert_config.json that belongs to this checkpoint."
            )

    def __str__(self) -> str:
        optimizer = [name for name in self.unused if _OPTIMIZER.search(name)]
        unused = [name for name in self.unused if name not in optimizer]
        unused += [f"{name} ({how})" for name, how in self.mismatched.items()]
        lines = [
            f"Weights from {self.checkpoint}: {len(self.matched)} variables matched",
            _listing("  newly initialised", self.missing + list(self.mismatched)),
            _listing("  unused checkpoint variables", unused),
        ]
        if optimizer:
            lines.append(f"  unused optimizer variables: {len(optimizer)}")
        return "\n".join(lines)


def _listing(title: str, names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MAX_LISTED])
    more = f", … {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return f"{title}: {len(names)}" + (f" ({shown}{more})" if names else "")


def load_report(graph_shapes: Dict[str, List[int]], checkpoint: str) -> LoadReport:
    """Compares variables, given as shapes by name, with a checkpoint.

    Raises:
      InputError: The checkpoint cannot be read.
    """
    saved_shapes = read_shapes(checkpoint)
    both = [name for name in graph_shapes if name in saved_shapes]
    mismatched = {
        name: f"{saved_shapes[name]} in the checkpoint, {graph_shapes[name]} by the config"
        for name in both
        if graph_shapes[name] != saved_shapes[name]
    }
    return LoadReport(
        checkpoint=checkpoint,
        matched=[name for name in both if name not in mismatched],
        missing=[name for name in graph_shapes if name not in saved_shapes],
        unused=sorted(name for name in saved_shapes if name not in graph_shapes),
        mismatched=mismatched,
    )


def check_encoder(checkpoint: str, bert_config: modeling.BertConfig) -> LoadReport:
    """Raises `InputError` if a checkpoint does not fit a configuration, or is damaged.

    Every tensor that the model uses is read, so that a fault is found before a training starts.

    Returns:
      The load report of the bare model.
    """
    report = load_report(_shapes_of_bert(bert_config), checkpoint)
    report.check_encoder()
    reader = open_checkpoint(checkpoint)
    types = reader.get_variable_to_dtype_map()
    for name in report.matched:
        if types[name] != tf.float32:
            raise InputError(f"{checkpoint}: {name} is {types[name].name}; expected float32.")
        try:
            is_finite = np.isfinite(reader.get_tensor(name)).all()
        except (tf.errors.OpError, RuntimeError, ValueError, IndexError) as error:
            raise InputError(f"{checkpoint}: {name} cannot be read: {_reason(error)}") from error
        if not is_finite:
            raise InputError(f"{checkpoint}: {name} contains values that are not finite.")
    return report


def _shapes_of_bert(bert_config: modeling.BertConfig) -> Dict[str, List[int]]:
    # All layers have the same shapes; building all of them takes seconds.
    one_layer = copy.copy(bert_config)
    one_layer.num_hidden_layers = 1
    with tf.Graph().as_default():
        ids = tf.placeholder(tf.int32, [None, None])
        modeling.BertModel(one_layer, is_training=False, input_ids=ids)
        shapes = _shapes_of(tf.trainable_variables())
    return {
        name.replace("/layer_0/", f"/layer_{layer}/"): shape
        for layer in range(bert_config.num_hidden_layers)
        for name, shape in shapes.items()
    }


def _shapes_of(variables: Sequence[tf.Variable]) -> Dict[str, List[int]]:
    return {variable.op.name: variable.shape.as_list() for variable in variables}


def initialize_from(checkpoint: str, *, trained: bool, new_head: bool = False) -> None:
    """Initialises the graph's variables from a checkpoint, and logs the load report.

    Args:
      checkpoint: Path (prefix) of the checkpoint.
      trained: Whether it must contain all variables, including the task's head.
      new_head: Whether to ignore a head in it, as it is for other labels.

    Raises:
      InputError: The encoder does not match, or a variable that it must contain is missing.
    """
    variables = tf.trainable_variables()
    report = load_report(_shapes_of(variables), checkpoint)
    report = report.without_head() if new_head else report
    report.check_encoder()
    if trained:
        report.check_trained()
    else:
        _log.info("%s", report)
    assignment_map, _ = modeling.get_assignment_map_from_checkpoint(
        [v for v in variables if v.op.name in report.matched], checkpoint
    )
    tf.train.init_from_checkpoint(checkpoint, assignment_map)


def read_shapes(checkpoint: str) -> Dict[str, List[int]]:
    """Returns the shape of each variable of a checkpoint; raises `InputError` if unreadable."""
    return open_checkpoint(checkpoint).get_variable_to_shape_map()


def open_checkpoint(checkpoint: str):
    """Returns a reader of a checkpoint's tensors; raises `InputError` if there is none."""
    if not glob.glob(glob.escape(checkpoint) + ".index"):
        raise InputError(
            f"{checkpoint}: no such checkpoint ({checkpoint}.index does not exist). Give the path "
            "up to `.ckpt` or `.ckpt-123`; `python prepare_model.py` makes model_dir/."
        )
    try:
        return tf.train.load_checkpoint(checkpoint)
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        raise InputError(f"{checkpoint}: the checkpoint is damaged: {_reason(error)}") from error


def read_all(checkpoint: str) -> None:
    """Reads every tensor, which checks their checksums; raises `InputError` if one is damaged."""
    reader = open_checkpoint(checkpoint)
    try:
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (tf.errors.OpError, RuntimeError, ValueError, IndexError) as error:
        raise InputError(f"{checkpoint}: the checkpoint is damaged: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "message", error)).split("\n")[0]


def fingerprint(checkpoint: str) -> str:
    """Returns the SHA-256 of a checkpoint's index, which contains each tensor's checksum."""
    open_checkpoint(checkpoint)
    return sha256_of(checkpoint + ".index")


def write(prefix: str, arrays: Dict[str, np.ndarray]) -> None:
    """Writes a checkpoint with the given arrays under their names."""
    names = sorted(arrays)
    with tf.Graph().as_default(), tf.Session() as session:
        # Fed, since constants of this size do not fit into a graph.
        tensors = [tf.placeholder(arrays[name].dtype, arrays[name].shape) for name in names]
        save = tf.raw_ops.SaveV2(
            prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), tensors=tensors
        )
        session.run(save, {t: arrays[name] for t, name in zip(tensors, names)})


def make_saver(keep: int) -> tf.train.Saver:
    """Makes the saver of a training's checkpoints; call it in the graph, after its variables.

    The `checkpoint` file names them by relative paths, so that the directory can be moved.
    """
    return tf.train.Saver(max_to_keep=keep, save_relative_paths=True)
