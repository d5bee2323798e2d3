"""Session settings: XLA compiles only if requested."""

import subprocess
import sys

import pytest

from tests.support import ROOT

# A process reads XLA's flags only once, so each case runs in a process of its own.
PROGRAM = """
import sys
import tensorflow.compat.v1 as tf
from finetune.training.session import make_session_config
tf.disable_v2_behavior()
with tf.Session(config=make_session_config(sys.argv[1] == "xla")) as session:
    x = tf.placeholder(tf.float32, [3, 4])
    y = tf.reduce_sum(tf.nn.softmax(tf.matmul(tf.nn.relu(x), tf.exp(x), transpose_b=True) * 2.0))
    options = tf.RunOptions(output_partition_graphs=True)
    metadata = tf.RunMetadata()
    print("sum %.4f" % session.run(y, {x: [[1.0] * 4] * 3}, options=options, run_metadata=metadata))
    ops = {node.op for graph in metadata.partition_graphs for node in graph.node}
    print("compiled", any("Xla" in op for op in ops))
"""


@pytest.mark.parametrize(("how", "compiled"), [("xla", True), ("plain", False)])
def test_xla_compiles_only_if_requested(how, compiled):
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], cwd=ROOT, capture_output=True, text=True
    )
    assert f"compiled {compiled}" in process.stdout, process.stderr[-2000:]
    assert "sum 3.0000" in process.stdout  # Each of the three rows sums to 1.
