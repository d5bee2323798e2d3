"""How TensorFlow runs the graph: threads, compilation, precision. All of it is here."""

import os
import re

import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import rewriter_config_pb2

_ON = rewriter_config_pb2.RewriterConfig.ON
# What Linux calls the instructions that multiply bfloat16; without them it takes longer.
_BF16_INSTRUCTIONS = {"amx_bf16", "avx512_bf16"}


def refuse_precision(use_bf16: bool, use_fp16: bool) -> None:
    """Raises `ValueError` if this machine has no instructions for a precision asked for."""
    if use_bf16 and not _BF16_INSTRUCTIONS & _processor_flags():
        raise ValueError(
            "--use_bf16=true: this processor has neither AMX nor AVX512_BF16, without which "
            "bfloat16 takes longer than float32. Leave the flag out."
        )
    if use_fp16 and not tf.config.list_physical_devices("GPU"):
        raise ValueError(
            "--use_fp16=true: TensorFlow finds no GPU, and float16 is for GPUs. Leave the flag "
            "out, or see to the GPU's driver and CUDA."
        )


def _processor_flags() -> set:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as reader:
            found = re.search(r"^flags\s*:(.*)$", reader.read(), re.MULTILINE)
    except OSError:  # Not Linux
        return set()
    return set(found[1].split()) if found else set()


def make_session_config(
    use_xla: bool = False, use_bf16: bool = False, use_fp16: bool = False
) -> tf.ConfigProto:
    """Returns the session's settings.

    Threads are left to TensorFlow: as many as there are cores, for the work within an op and for
    ops beside one another. One op at a time was no faster, and TensorFlow's own matrix products in
    place of oneDNN's (TF_ENABLE_ONEDNN_OPTS=0) were a quarter slower: benchmarks/README.md.

    Args:
      use_xla: Whether to compile with XLA what can be compiled.
      use_bf16: Whether CPUs multiply in bfloat16; weights, sums and what else needs more digits
        stay float32, as TensorFlow's automatic mixed precision decides.
      use_fp16: Likewise GPUs, in float16. A training needs a loss scale then:
        `optimization.create_optimizer`.
    """
    # As Estimator has it where it is told nothing: optimizing the graph twice only takes longer.
    rewrites = rewriter_config_pb2.RewriterConfig(
        meta_optimizer_iterations=rewriter_config_pb2.RewriterConfig.ONE
    )
    if use_bf16:
        rewrites.auto_mixed_precision_onednn_bfloat16 = _ON
    if use_fp16:
        rewrites.auto_mixed_precision = _ON
    session_config = tf.ConfigProto(
        allow_soft_placement=True, graph_options=tf.GraphOptions(rewrite_options=rewrites)
    )
    if use_xla:
        # Without it, XLA leaves out what runs on a CPU.
        flags = os.environ.get("TF_XLA_FLAGS", "")
        os.environ["TF_XLA_FLAGS"] = f"{flags} --tf_xla_cpu_global_jit".strip()
        session_config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_2
    return session_config
