"""Read and write checkpoints, and report what of one fits a graph."""

import contextlib
import copy
import dataclasses
import glob
import logging
import os
import re
from typing import Dict, List, Optional, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

import modeling
from finetune.files import sha256_of

_log = logging.getLogger(__name__)

# While training: weights and Adam's slots, to resume from. When it is done: the weights alone.
TRAINING_BASENAME = "train.ckpt"
FINAL_BASENAME = "model.ckpt"

_HEAD = ("output_weights", "output_bias", "crf/start", "crf/transitions", "crf/end")
# Layers that a checkpoint may lack: what the toolkit adds to BERT, and a pooler that was not saved.
_OPTIONAL = re.compile(r"(^|/)(sequence_output|pooler)/")
# What a training goes on from, beside the weights; the last two are those of a loss scale.
_SLOTS = re.compile(r"/adam_[mv]$|^current_loss_scale$|^good_steps$")
_OPTIMIZER = re.compile(_SLOTS.pattern + "|^global_step$")
_LAYER = re.compile(r"(^|/)encoder/layer_\d+/")
_LISTED = 12  # Names of one kind that a report spells out


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """What of a checkpoint goes into a graph's variables, by name."""

    checkpoint: str
    matched: List[str]
    missing: List[str]  # In the graph alone
    unused: List[str]  # In the checkpoint alone
    mismatched: Dict[str, str]  # In both, in different shapes: both of them in words

    def without_head(self) -> "LoadReport":
        """Returns the report with a head in the checkpoint left unused."""
        head = [name for name in self.matched if name in _HEAD]
        return dataclasses.replace(
            self,
            matched=[name for name in self.matched if name not in head],
            missing=self.missing + head,
            unused=self.unused + head,
        )

    def refuse_untrained(self) -> None:
        """Raises `ValueError` if a variable would keep its random values."""
        untrained = [*self.missing, *(f"{n} ({how})" for n, how in self.mismatched.items())]
        if untrained:
            raise ValueError(
                f"{self.checkpoint}: not trained for this task, so its answers would be random. "
                + _listing("Missing or of another shape", untrained)
                + ". Train first: --do_train=true."
            )

    def refuse_wrong_encoder(self) -> None:
        """Raises `ValueError` if a variable of the encoder is missing or has another shape."""
        wrong = [f"{n} ({how})" for n, how in self.mismatched.items() if n not in _HEAD]
        lost = [n for n in self.missing if n not in _HEAD and not _OPTIONAL.search(n)]
        more = [n for n in self.unused if _LAYER.search(n) and not _OPTIMIZER.search(n)]
        if wrong or lost or more:
            kinds = (("Missing", lost), ("Other shape", wrong), ("Layers too many", more))
            raise ValueError(
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
            _listing("  new, to be trained from scratch", self.missing + list(self.mismatched)),
            _listing("  in the checkpoint, not used", unused),
        ]
        if optimizer:
            lines.append(f"  optimizer state, not used: {len(optimizer)}")
        return "\n".join(lines)


def _listing(title: str, names: Sequence[str]) -> str:
    shown = ", ".join(names[:_LISTED])
    more = f", … {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{title}: {len(names)}" + (f" ({shown}{more})" if names else "")


def load_report(graph_shapes: Dict[str, List[int]], checkpoint: str) -> LoadReport:
    """Compares variables, whose shapes are given by name, to a checkpoint.

    Raises:
      ValueError: The checkpoint cannot be read.
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


def refuse_unfit(checkpoint: str, bert_config: modeling.BertConfig) -> LoadReport:
    """Raises `ValueError` if a checkpoint is not that of a configuration, or is damaged.

    Every tensor that the model takes is read, so that nothing is found out later.

    Returns:
      The load report of the bare model.
    """
    report = load_report(_shapes_of_bert(bert_config), checkpoint)
    report.refuse_wrong_encoder()
    reader = _reader(checkpoint)
    types = reader.get_variable_to_dtype_map()
    for name in report.matched:
        if types[name] != tf.float32:
            raise ValueError(f"{checkpoint}: {name} is {types[name].name}; expected float32.")
        try:
            finite = np.isfinite(reader.get_tensor(name)).all()
        except (tf.errors.OpError, RuntimeError, ValueError, IndexError) as error:
            reason = str(error).split("\n")[0]
            raise ValueError(f"{checkpoint}: {name} cannot be read: {reason}") from error
        if not finite:
            raise ValueError(f"{checkpoint}: {name} holds values that are not finite.")
    return report


def _shapes_of_bert(bert_config: modeling.BertConfig) -> Dict[str, List[int]]:
    # The layers are alike; to build all of them takes seconds.
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
    """Makes the graph's variables start from a checkpoint, and logs the load report.

    Args:
      checkpoint: Path (prefix) of the checkpoint.
      trained: Whether all variables must come from it, the task's head too.
      new_head: Whether a head in it is one for other labels, and not to be used.

    Raises:
      ValueError: The encoder does not match, or a variable that must come from it is not there.
    """
    variables = tf.trainable_variables()
    report = load_report(_shapes_of(variables), checkpoint)
    report = report.without_head() if new_head else report
    report.refuse_wrong_encoder()
    if trained:
        report.refuse_untrained()
    else:
        _log.info("%s", report)
    assignment_map, _ = modeling.get_assignment_map_from_checkpoint(
        [v for v in variables if v.op.name in report.matched], checkpoint
    )
    tf.train.init_from_checkpoint(checkpoint, assignment_map)


def read_shapes(checkpoint: str) -> Dict[str, List[int]]:
    """Returns the shape of each variable of a checkpoint, or raises `ValueError`."""
    return _reader(checkpoint).get_variable_to_shape_map()


def _reader(checkpoint: str):
    if not glob.glob(glob.escape(checkpoint) + ".index"):
        raise ValueError(
            f"{checkpoint}: no such checkpoint ({checkpoint}.index is not there). Give the path "
            "up to `.ckpt` or `.ckpt-123`; `python prepare_model.py` makes model_dir/."
        )
    try:
        return tf.train.load_checkpoint(checkpoint)
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        reason = str(getattr(error, "message", error)).split("\n")[0]
        raise ValueError(f"{checkpoint}: the checkpoint is damaged: {reason}") from error


def fingerprint(checkpoint: str) -> str:
    """Returns the SHA-256 of a checkpoint's index, where each tensor's checksum stands."""
    _reader(checkpoint)
    return sha256_of(checkpoint + ".index")


def latest(output_dir: str) -> Optional[str]:
    """Returns the newest checkpoint of a training, or None where there is none yet.

    Raises:
      ValueError: All that the directory's `checkpoint` file names are gone.
    """
    known = _known_checkpoints(output_dir)
    there = [path for path in known if os.path.exists(path + ".index")]
    if known and not there:
        raise ValueError(
            f"{os.path.join(output_dir, 'checkpoint')}: the checkpoint that it names is gone. Put "
            "its files back, or train anew with --overwrite_output_dir=true."
        )
    return there[0] if there else None


def is_final(checkpoint: str) -> bool:
    """Returns whether a checkpoint is that of a finished training, not of one under way."""
    return not os.path.basename(checkpoint).startswith(TRAINING_BASENAME)


def step_of(checkpoint: str) -> int:
    """Returns the training step of a checkpoint."""
    return int(_reader(checkpoint).get_tensor("global_step"))


def write(prefix: str, arrays: Dict[str, np.ndarray]) -> None:
    """Writes a checkpoint of the given arrays under their names."""
    names = sorted(arrays)
    with tf.Graph().as_default(), tf.Session() as session:
        # Fed, since constants of this size do not fit into a graph.
        tensors = [tf.placeholder(arrays[name].dtype, arrays[name].shape) for name in names]
        save = tf.raw_ops.SaveV2(
            prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), tensors=tensors
        )
        session.run(save, {t: arrays[name] for t, name in zip(tensors, names)})


def finish_training(output_dir: str) -> str:
    """Replaces the training's checkpoints by one of the weights alone, a third of the size.

    At each moment the directory's newest checkpoint is whole: the new one is named only when it is
    written, and the old ones go after that.

    Returns:
      Path of the new checkpoint.
    """
    final = latest(output_dir)
    if not is_final(final):
        final = write_weights_only(final, output_dir)
    for path in _files_of(output_dir, TRAINING_BASENAME) + _unfinished_files_of(output_dir):
        os.remove(path)
    return final


def _unfinished_files_of(folder: str) -> List[str]:
    return [path for path in _files_of(folder, FINAL_BASENAME) if ".tempstate" in path]


def write_weights_only(checkpoint: str, folder: str) -> str:
    """Writes the weights of a checkpoint into a folder, and names them in its `checkpoint` file.

    Those that are there before go when the new ones are named.

    Returns:
      Path of the new checkpoint.
    """
    reader = _reader(checkpoint)
    kept = [n for n in reader.get_variable_to_shape_map() if not _SLOTS.search(n)]
    name = f"{FINAL_BASENAME}-{step_of(checkpoint)}"
    final = os.path.join(folder, name)
    write(final, {name: np.asarray(reader.get_tensor(name)) for name in kept})
    # An absolute folder and a name in it: so the `checkpoint` file holds the name alone.
    tf.train.update_checkpoint_state(os.path.abspath(folder), name, [name])
    for path in _files_of(folder, FINAL_BASENAME):
        if not os.path.basename(path).startswith(name + "."):
            os.remove(path)
    return final


def _files_of(folder: str, basename: str) -> List[str]:
    return glob.glob(os.path.join(glob.escape(folder), basename + "-*"))


def resumable(output_dir: str) -> Optional[str]:
    """Returns the newest checkpoint of a training that is whole, or None where there is none yet.

    Of damaged ones it is said that they are passed over; TensorFlow goes on from the one returned.
    What a process that was killed left of a checkpoint under way is removed.

    Raises:
      ValueError: There are checkpoints, and none of them is whole.
    """
    for path in _files_of(output_dir, TRAINING_BASENAME):
        if ".tempstate" in path:
            os.remove(path)
    known = _known_checkpoints(output_dir)
    for checkpoint in known:
        try:
            _read_all(checkpoint)
        except ValueError as error:
            _log.warning("%s; passed over", error)
            continue
        older = [os.path.basename(path) for path in known[known.index(checkpoint) :]]
        tf.train.update_checkpoint_state(os.path.abspath(output_dir), older[0], older[::-1])
        return checkpoint
    if known:
        raise ValueError(
            f"--output_dir={output_dir}: none of its checkpoints is whole "
            f"({', '.join(map(os.path.basename, known))}). Put their files back, or train anew "
            "with --overwrite_output_dir=true."
        )
    return None


def remove_unfinished(output_dir: str) -> None:
    """Removes what there is of checkpoints of a training that are not written to their end."""
    known = _known_checkpoints(output_dir)
    for path in _files_of(output_dir, TRAINING_BASENAME):
        if ".tempstate" in path or not any(path.startswith(c + ".") for c in known):
            os.remove(path)


def _known_checkpoints(output_dir: str) -> List[str]:
    """Returns the checkpoints that a directory names, or else has, the newest first."""
    state = None
    with contextlib.suppress(tf.errors.OpError, ValueError):
        state = tf.train.get_checkpoint_state(output_dir)
    if state is not None and state.model_checkpoint_path:
        return list(dict.fromkeys([*state.all_model_checkpoint_paths]))[::-1]
    # Its `checkpoint` file is not there, or holds nothing that can be read.
    found = [
        (int(match[1]), path[: -len(".index")])
        for basename in (TRAINING_BASENAME, FINAL_BASENAME)
        for path in _files_of(output_dir, basename)
        if (match := re.search(r"-(\d+)\.index$", path))
    ]
    return [path for _, path in sorted(found, reverse=True)]


def _read_all(checkpoint: str) -> None:
    """Reads every tensor, whose checksums are thereby checked; raises `ValueError`."""
    reader = _reader(checkpoint)
    try:
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (tf.errors.OpError, RuntimeError, ValueError, IndexError) as error:
        reason = str(getattr(error, "message", error)).split("\n")[0]
        raise ValueError(f"{checkpoint}: the checkpoint is damaged: {reason}") from error


def make_saver(keep: int) -> tf.train.Saver:
    """Makes what writes a training's checkpoints; call it in the graph, after its variables.

    The `checkpoint` file names them relative to itself, so that the directory can be moved.
    """
    return tf.train.Saver(max_to_keep=keep, save_relative_paths=True)
