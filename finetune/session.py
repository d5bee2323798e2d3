"""How TensorFlow runs the graph: threads and compilation. All of it is here."""

import os

import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import rewriter_config_pb2


def make_session_config(use_xla: bool = False) -> tf.ConfigProto:
    """Returns the session's settings.

    Threads are left to TensorFlow: as many as there are cores, for the work within an op and for
    ops beside one another. One op at a time was no faster, and TensorFlow's own matrix products in
    place of oneDNN's (TF_ENABLE_ONEDNN_OPTS=0) were a quarter slower: benchmarks/README.md.

    Args:
      use_xla: Whether to compile with XLA what can be compiled.
    """
    # As Estimator has it where it is told nothing: optimizing the graph twice only takes longer.
    rewrites = rewriter_config_pb2.RewriterConfig(
        meta_optimizer_iterations=rewriter_config_pb2.RewriterConfig.ONE
    )
    session_config = tf.ConfigProto(
        allow_soft_placement=True, graph_options=tf.GraphOptions(rewrite_options=rewrites)
    )
    if use_xla:
        # Without it, XLA leaves out what runs on a CPU.
        flags = os.environ.get("TF_XLA_FLAGS", "")
        os.environ["TF_XLA_FLAGS"] = f"{flags} --tf_xla_cpu_global_jit".strip()
        session_config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_2
    return session_config
