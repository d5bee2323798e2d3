"""Session settings: threads, compilation and precision."""

import os
import re
from typing import Set

import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import rewriter_config_pb2

from finetune.util.errors import InputError

_ON, _OFF = rewriter_config_pb2.RewriterConfig.ON, rewriter_config_pb2.RewriterConfig.OFF
_XLA_ON_CPUS = "--tf_xla_cpu_global_jit"
# Linux's names for instructions that multiply in bfloat16. Without them, float32 is faster.
_BF16_INSTRUCTIONS = {"amx_bf16", "avx512_bf16"}


def check_precision(use_bf16: bool, use_fp16: bool) -> None:
    """Raises `InputError` if this machine lacks the hardware for the requested precision."""
    if use_bf16 and not _BF16_INSTRUCTIONS & _processor_flags():
        raise InputError(
            "--use_bf16=true: this processor has neither AMX nor AVX512_BF16, without which "
            "bfloat16 is slower than float32. Omit the flag."
        )
    if use_fp16 and not tf.config.list_physical_devices("GPU"):
        raise InputError(
            "--use_fp16=true: TensorFlow finds no GPU, and float16 requires one. Omit the flag, or "
            "check the GPU driver and the CUDA installation."
        )


def enable_xla_on_cpus() -> None:
    """Sets the flag without which XLA skips ops that run on a CPU.

    Call it before anything that looks for devices: TensorFlow then reads it, and only once.
    """
    flags = os.environ.get("TF_XLA_FLAGS", "")
    if _XLA_ON_CPUS not in flags:
        os.environ["TF_XLA_FLAGS"] = f"{flags} {_XLA_ON_CPUS}".strip()


def _make_rewrites() -> rewriter_config_pb2.RewriterConfig:
    """Returns how TensorFlow rewrites a graph before it runs it the first time.

    What is off here changes nothing in the graphs of this toolkit, and takes a quarter of the time.
    """
    rewrites = rewriter_config_pb2.RewriterConfig(
        # This is Estimator's default. Optimizing the graph a second time only takes longer.
        meta_optimizer_iterations=rewriter_config_pb2.RewriterConfig.ONE,
        layout_optimizer=_OFF,  # For convolutions
        disable_tfg_optimizer=True,
    )
    if not tf.config.list_physical_devices("GPU"):
        # If memory is short, moves tensors between a GPU and the host.
        rewrites.memory_optimization = rewriter_config_pb2.RewriterConfig.NO_MEM_OPT
    return rewrites


def _processor_flags() -> Set[str]:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as reader:
            found = re.search(r"^flags\s*:(.*)$", reader.read(), re.MULTILINE)
    except OSError:  # Not Linux
        return set()
    return set(found[1].split()) if found else set()


def make_session_config(
    use_xla: bool = False, use_bf16: bool = False, use_fp16: bool = False
) -> tf.ConfigProto:
    """Returns the settings of a session.

    TensorFlow chooses the number of threads: one per core, both within an op and across
    independent ops. Running one op at a time was not faster, and TensorFlow's own matrix products
    (TF_ENABLE_ONEDNN_OPTS=0) were a quarter slower than oneDNN's: see benchmarks/README.md.

    Args:
      use_xla: Whether XLA compiles everything that it can.
      use_bf16: Whether CPUs multiply in bfloat16. TensorFlow's automatic mixed precision keeps
        weights, sums and everything else that needs more precision in float32.
      use_fp16: Whether GPUs multiply in float16, with the same exceptions as `use_bf16`. Training
        then needs a loss scale; see `optimization.create_optimizer`.
    """
    if use_xla:
        enable_xla_on_cpus()
    rewrites = _make_rewrites()
    if use_bf16:
        rewrites.auto_mixed_precision_onednn_bfloat16 = _ON
    if use_fp16:
        rewrites.auto_mixed_precision = _ON
    session_config = tf.ConfigProto(
        allow_soft_placement=True, graph_options=tf.GraphOptions(rewrite_options=rewrites)
    )
    if use_xla:
        session_config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_2
    return session_config
