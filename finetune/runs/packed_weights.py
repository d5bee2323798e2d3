"""A copy of a session's graph in which oneDNN keeps the weights in its own layout.

For a single text, most of the time goes into reading the weights, and oneDNN multiplies a quarter
to a third faster if they are packed, that is, in the layout that suits its instructions. TensorFlow
packs weights once if they are constants, and never if they are variables. But constants in a graph
take several times the memory of the weights, and many times while the graph is built.

The copy therefore consists of the nodes into which TensorFlow has optimised the graph, whose
products say by an attribute that their weights do not change. It reads the variables of the
original, so only the packed weights need memory. The op and its attribute are those of
TensorFlow 2.15: see `MklFusedMatMulOp` in tensorflow/core/kernels/mkl/mkl_matmul_op_fused.cc.
"""

import re
from typing import List, Mapping, NamedTuple, Optional, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

# A product keeps its weights in one layout, that of its first call; for another one, each call
# would pack them again. oneDNN chooses the layout by the number of tokens: in trials, it was one
# for 7 to 80 and another for up to 4 and from 95 on, with 1 to 64 threads, with AVX2 and AVX-512,
# and in models that are 384 and 768 wide.
_MIN_TOKENS, _MAX_TOKENS = 8, 64

_PRODUCT = "_MklNativeFusedMatMul"
_SCOPE = "packed"


class Copy(NamedTuple):
    """A copy of a part of a graph.

    Attributes:
      inputs: The names of the tensors to feed, in the order of the original's inputs.
      outputs: The names of the tensors to fetch, in the order of the original's outputs.
    """

    inputs: List[str]
    outputs: List[str]


def suits(input_ids: np.ndarray) -> bool:
    """Returns whether a batch, int32 [B, S], is one for the copy: a single row that is not long."""
    rows, tokens = input_ids.shape
    return rows == 1 and _MIN_TOKENS <= tokens <= _MAX_TOKENS


def make_copy(
    session: tf.Session,
    inputs: Sequence[tf.Tensor],
    outputs: Sequence[tf.Tensor],
    batch: Sequence[np.ndarray],
) -> Optional[Copy]:
    """Adds the copy to the session's graph.

    Args:
      session: A session whose variables have their final values.
      inputs: The inputs of the original.
      outputs: Its outputs.
      batch: An array [B, …] for each input.

    Returns:
      None if TensorFlow does not multiply by oneDNN here, or compiles the graph.
    """
    metadata = tf.RunMetadata()
    options = tf.RunOptions(output_partition_graphs=True)
    no_rows = [array[:0] for array in batch]
    session.run(list(outputs), dict(zip(inputs, no_rows)), options, metadata)
    if len(metadata.partition_graphs) != 1:
        return None
    (optimised,) = metadata.partition_graphs
    if optimised.library.function:
        return None
    # Names that begin with an underscore are reserved.
    names = {node.name: node.name.lstrip("_") for node in optimised.node}
    copy = tf.GraphDef(versions=optimised.versions)
    copy.node.extend(_copied(node, names) for node in optimised.node)
    if not _mark_weights(copy):
        return None
    with session.graph.as_default():
        tf.import_graph_def(copy, name=_SCOPE)
    return Copy(
        [_copy_of(tensor, "_arg_", names) for tensor in inputs],
        [_copy_of(tensor, "_retval_", names) for tensor in outputs],
    )


def _copied(node: tf.NodeDef, names: Mapping[str, str]) -> tf.NodeDef:
    """Returns a node under its new name; inputs and outputs become ordinary nodes."""
    copy = tf.NodeDef(name=names[node.name], op=node.op)
    for each in node.input:
        control, name, output = re.findall(r"^(\^?)([^:]+)(.*)$", each)[0]
        copy.input.append(control + names[name] + output)
    if node.op == "_Arg":
        copy.op = "Placeholder"
        copy.attr["dtype"].CopyFrom(node.attr["T"])
    elif node.op == "_Retval":
        copy.op = "Identity"
        copy.attr["T"].CopyFrom(node.attr["T"])
    else:
        for name, value in node.attr.items():
            copy.attr[name].CopyFrom(value)
    return copy


def _mark_weights(graph: tf.GraphDef) -> bool:
    """Marks the weights of all products with variables; returns whether there are any."""
    ops = {node.name: node.op for node in graph.node}
    products = [
        node
        for node in graph.node
        if node.op == _PRODUCT and ops.get(node.input[1]) == "ReadVariableOp"
    ]
    for node in products:
        node.attr["is_filter_const"].b = True
    return bool(products)


def _copy_of(tensor: tf.Tensor, prefix: str, names: Mapping[str, str]) -> str:
    """Returns the name of an input's or output's copy; the original's if it has none."""
    # TensorFlow adds the index of the output, and that of the input or output itself.
    pattern = re.escape(f"{prefix}{tensor.op.name}_{tensor.value_index}_") + r"\d+"
    found = [new for name, new in names.items() if re.fullmatch(pattern, name)]
    # An input that is not used has no copy.
    return f"{_SCOPE}/{found[0]}:0" if found else tensor.name
