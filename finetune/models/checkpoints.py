"""Read and write checkpoints, and report which of their variables match a graph."""

import dataclasses
import logging
import re
from typing import Dict, Iterable, Iterator, List, Optional, Protocol, Sequence, Set, Tuple, Union

import numpy as np
import tensorflow.compat.v1 as tf

import modeling
from finetune.models import foreign, word_rows
from finetune.models.bert_shapes import shapes_of_bert
from finetune.models.names import BERT_CONFIG
from finetune.models.word_rows import WordRows
from finetune.util.errors import InputError
from finetune.util.files import sha256_of
from finetune.util.paths import pattern_problem

_log = logging.getLogger(__name__)

_HEAD = (
    "output_weights",
    "output_bias",
    "cls/squad/output_weights",
    "cls/squad/output_bias",
    "crf/start",
    "crf/transitions",
    "crf/end",
)
# Layers that a checkpoint may lack: those that the toolkit adds, and a pooler that was not saved.
_OPTIONAL = re.compile(r"(^|/)(sequence_output|pooler)/")
# What only serves to resume a training run: Adam's moments, the loss scale, and the variables of
# `word_rows`.
OPTIMIZER_SLOTS = re.compile(
    "|".join(["/adam_[mv]$", "^current_loss_scale$", "^good_steps$"])
    + "".join(f"|^{name}$" for name in word_rows.RESUME_ONLY)
)
_OPTIMIZER = re.compile(OPTIMIZER_SLOTS.pattern + "|^global_step$")
_LAYER = re.compile(r"(^|/)encoder/layer_\d+/")
_MAX_LISTED = 12  # Maximum number of names of one kind in a report


class CheckpointReader(Protocol):
    """TensorFlow's reader of a checkpoint."""

    def get_tensor(self, name: str) -> np.ndarray:
        """Returns the value of a variable."""

    def get_variable_to_shape_map(self) -> Dict[str, List[int]]:
        """Returns the shape of each variable by name."""

    def get_variable_to_dtype_map(self) -> Dict[str, tf.DType]:
        """Returns the dtype of each variable by name."""


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """The variables of a checkpoint, compared by name with those of a graph.

    Attributes:
      checkpoint: Path (prefix) of the checkpoint.
      matched: Variables with the same name and shape.
      missing: Variables that are only in the graph.
      unused: Variables that are only in the checkpoint.
      mismatched: Variables with different shapes; both shapes as text, by name.
    """

    checkpoint: str
    matched: List[str]
    missing: List[str]
    unused: List[str]
    mismatched: Dict[str, str]

    def without_head(self) -> "LoadReport":
        """Returns the report as if the checkpoint's head were not used."""
        head = [name for name in self.matched if name in _HEAD]
        return dataclasses.replace(
            self,
            matched=[name for name in self.matched if name not in head],
            missing=self.missing + head,
            unused=self.unused + head,
        )

    def check_trained(self, needed: Set[str]) -> None:
        """Raises `InputError` if a needed variable would keep its random initial values."""
        untrained = [name for name in self.missing if name in needed]
        untrained += [f"{n} ({how})" for n, how in self.mismatched.items() if n in needed]
        if untrained:
            raise InputError(
                f"{self.checkpoint}: not trained for this task, so predictions would be random. "
                + _list_names("Missing or of a different shape", untrained)
                + ". Train first: --do_train=true."
            )

    def check_encoder(self) -> None:
        """Raises `InputError` if a variable of the encoder is missing or has a different shape."""
        missing = [n for n in self.missing if n not in _HEAD and not _OPTIONAL.search(n)]
        mismatched = [f"{n} ({how})" for n, how in self.mismatched.items() if n not in _HEAD]
        extra = [n for n in self.unused if _LAYER.search(n) and not _OPTIMIZER.search(n)]
        if missing or mismatched or extra:
            kinds = (
                ("Missing", missing),
                ("Different shape", mismatched),
                ("Too many layers", extra),
            )
            raise InputError(
                f"{self.checkpoint}: the checkpoint does not match the BERT configuration. "
                + "; ".join(_list_names(*kind) for kind in kinds if kind[1])
                + f". Use the {BERT_CONFIG} that belongs to this checkpoint."
            )

    def __str__(self) -> str:
        optimizer = [name for name in self.unused if _OPTIMIZER.search(name)]
        unused = [name for name in self.unused if name not in optimizer]
        unused += [f"{name} ({how})" for name, how in self.mismatched.items()]
        lines = [
            f"Weights from {self.checkpoint}: {len(self.matched)} variables matched",
            _list_names("  newly initialised", self.missing + list(self.mismatched)),
            _list_names("  unused checkpoint variables", unused),
        ]
        if optimizer:
            lines.append(f"  unused optimizer variables: {len(optimizer)}")
        return "\n".join(lines)


def _list_names(title: str, names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MAX_LISTED])
    more = f", … {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return f"{title}: {len(names)}" + (f" ({shown}{more})" if names else "")


def load_report(graph_shapes: Dict[str, List[int]], checkpoint: str) -> LoadReport:
    """Compares the variables of a graph with a checkpoint.

    Args:
      graph_shapes: The shape of each variable by name.
      checkpoint: Path (prefix) of the checkpoint.

    Raises:
      InputError: The checkpoint cannot be read.
    """
    saved_shapes = read_shapes(checkpoint)
    both = [name for name in graph_shapes if name in saved_shapes]
    mismatched = {
        name: f"{saved_shapes[name]} in the checkpoint, {graph_shapes[name]} in the config"
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

    Reads every tensor that the model uses, so that damage is found before a training run starts.

    Returns:
      The load report of the bare model.
    """
    report = load_report(shapes_of_bert(bert_config), checkpoint)
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


def _shapes_of(variables: Sequence[tf.Variable]) -> Dict[str, List[int]]:
    return {variable.op.name: variable.shape.as_list() for variable in variables}


def initialize_from(
    checkpoint: str,
    *,
    needed: Optional[Set[str]] = None,
    new_head: bool = False,
    rows: Optional[WordRows] = None,
) -> None:
    """Initialises the graph's variables from a checkpoint, and logs the load report.

    Args:
      checkpoint: Path (prefix) of the checkpoint.
      needed: If the model is trained, the names of the variables that the checkpoint must contain;
        they may include those of other operations. None: only the encoder.
      new_head: Whether to ignore the checkpoint's head, because it is for different labels.
      rows: The rows of the word-embedding table that the graph has; None if it has all.

    Raises:
      InputError: The encoder does not match, or a required variable is missing.
    """
    variables = tf.trainable_variables()
    shapes = _shapes_of(variables)
    if rows is not None:
        shapes[word_rows.TABLE] = list(rows.initial.shape)
        variables = [v for v in variables if v.op.name != word_rows.TABLE]
    report = load_report(shapes, checkpoint)
    report = report.without_head() if new_head else report
    report.check_encoder()
    if needed is not None:
        report.check_trained(needed)
    else:
        _log.info("%s", report)
    matched = [variable for variable in variables if variable.op.name in report.matched]
    if tf.distribute.has_strategy():  # A variable has a copy on each device.
        names, _ = modeling.get_assignment_map_from_checkpoint(matched, checkpoint)
        tf.train.init_from_checkpoint(checkpoint, names)
        return
    # `tf.train.init_from_checkpoint` does the same with five ops per variable, not two.
    for variable, value in zip(matched, saved_values(checkpoint, matched)):
        variable._initializer_op = variable.assign(value, read_value=False)
        variable._initial_value = value


def saved_values(
    checkpoint: Union[str, tf.Tensor], variables: Sequence[tf.Variable]
) -> List[tf.Tensor]:
    """Returns the values of variables in a checkpoint, which one op reads.

    Args:
      checkpoint: Path (prefix) of the checkpoint, also as a Tensor.
      variables: Variables that the checkpoint contains with the same shapes.
    """
    if not variables:
        return []
    with tf.device("/cpu:0"):
        values = tf.raw_ops.RestoreV2(
            prefix=checkpoint,
            tensor_names=[variable.op.name for variable in variables],
            shape_and_slices=[""] * len(variables),
            dtypes=[variable.dtype.base_dtype for variable in variables],
        )
    for variable, value in zip(variables, values):
        value.set_shape(variable.shape)
    return values


def read_shapes(checkpoint: str) -> Dict[str, List[int]]:
    """Returns the shape of each variable in a checkpoint; raises `InputError` if unreadable."""
    return open_checkpoint(checkpoint).get_variable_to_shape_map()


def open_checkpoint(checkpoint: str) -> CheckpointReader:
    """Returns a reader of a checkpoint; raises `InputError` if it is missing or damaged."""
    if not tf.io.gfile.exists(checkpoint + ".index"):
        what = foreign.describe(checkpoint)
        if what is not None:
            raise InputError(f"{checkpoint} is {what}")
        raise InputError(
            f"{checkpoint}: no such checkpoint ({checkpoint}.index does not exist). Use the path "
            "up to `.ckpt` or `.ckpt-123`; `python prepare_model.py` fills model_dir/."
        )
    try:
        reader = tf.train.load_checkpoint(checkpoint)
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        problem = pattern_problem(checkpoint)
        if problem is not None:
            raise InputError(f"{checkpoint}: {problem}") from error
        raise InputError(f"{checkpoint}: the checkpoint is damaged: {_reason(error)}") from error
    what = foreign.describe_variables(reader.get_variable_to_shape_map())
    if what is not None:
        raise InputError(f"{checkpoint} is {what}")
    return reader


def read_all(checkpoint: str) -> None:
    """Reads every tensor, which verifies its checksum; raises `InputError` if one is damaged."""
    for _ in read_tensors(checkpoint, read_shapes(checkpoint)):
        pass


def read_tensors(checkpoint: str, names: Iterable[str]) -> Iterator[Tuple[str, np.ndarray]]:
    """Yields tensors of a checkpoint with their names; raises `InputError` if one is damaged."""
    reader = open_checkpoint(checkpoint)
    try:
        for name in names:
            yield name, reader.get_tensor(name)
    except (tf.errors.OpError, RuntimeError, ValueError, IndexError) as error:
        raise InputError(f"{checkpoint}: the checkpoint is damaged: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "message", error)).split("\n")[0]


def fingerprint(checkpoint: str) -> str:
    """Returns the SHA-256 of a checkpoint's index, which contains each tensor's checksum."""
    open_checkpoint(checkpoint)
    return sha256_of(checkpoint + ".index")


def write(prefix: str, arrays: Dict[str, np.ndarray]) -> None:
    """Writes a checkpoint that contains arrays under their names."""
    names = sorted(arrays)
    with tf.Graph().as_default(), tf.Session() as session:
        # Arrays are fed, because as constants they would exceed the size limit of a graph.
        tensors = [tf.placeholder(arrays[name].dtype, arrays[name].shape) for name in names]
        save = tf.raw_ops.SaveV2(
            prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), tensors=tensors
        )
        session.run(save, {t: arrays[name] for t, name in zip(tensors, names)})


def make_saver(keep: int, saveables: Optional[Sequence[object]] = None) -> tf.train.Saver:
    """Makes the saver for a training run's checkpoints. Call it once the graph has its variables.

    The `checkpoint` file names them by relative paths, so that the directory can be moved.

    Args:
      keep: Number of recent checkpoints to keep.
      saveables: What to save; None for all variables.
    """
    return tf.train.Saver(saveables, max_to_keep=keep, save_relative_paths=True)
