"""The flags that all tasks share: evaluation, output and hardware."""

import dataclasses
from typing import Optional

from finetune.config.flags import bool_flag, choice_flag, float_flag, integer_flag, string_flag

DISTRIBUTIONS = ("auto", "none", "mirrored", "multi_worker")
# How the final hidden vectors of a text's tokens, with [CLS] and [SEP], become one vector: their
# mean, that of [CLS], or the maximum of each component.
POOLINGS = ("mean", "cls", "max")


@dataclasses.dataclass(frozen=True)
class OutputFlags:
    """The flags for evaluation, prediction, output, logging and hardware."""

    # Evaluation.
    eval_batch_size: int = integer_flag(
        32, "Number of rows per batch in evaluation.", "evaluation", lower_bound=1
    )
    predict_batch_size: int = integer_flag(
        32, "Number of rows per batch in prediction.", "evaluation", lower_bound=1
    )
    embed_pooling: str = choice_flag(
        "mean",
        POOLINGS,
        "How the vectors of a text's tokens, including [CLS] and [SEP], are combined into one.",
        "evaluation",
        requires=("do_embed",),
    )
    embed_normalize: bool = bool_flag(
        False,
        "Divide each sentence vector by its length, so that the dot product of two is their cosine "
        "similarity.",
        "evaluation",
        requires=("do_embed",),
    )
    eval_every: Optional[str] = string_flag(
        None,
        "How often to evaluate on the dev file during training: epoch, or a number of steps. The "
        "best model is kept in output_dir/best and used afterwards.",
        "evaluation",
        common=True,
        identity=True,
        training_only=True,
        requires=("do_train",),
    )
    metric_for_best: Optional[str] = string_flag(
        None,
        "Metric that selects the best model: a name from eval_results.json, for example accuracy, "
        "mcc or loss.",
        "evaluation",
        default_text="macro_f1; for regression, mse; for taggers and question answering, f1",
        identity=True,
        training_only=True,
        requires=("eval_every|num_trials|grid",),
    )
    early_stopping_patience: int = integer_flag(
        0,
        "Stop training after this many evaluations without improvement. 0: never.",
        "evaluation",
        identity=True,
        before=0,
        training_only=True,
        requires=("eval_every|num_trials|grid",),
        lower_bound=0,
    )

    # Output.
    output_dir: str = string_flag(
        "",
        "Directory for checkpoints and results; it can be remote, for example gs://bucket/run. "
        "Training creates it; to evaluate or predict, specify that of a finished training run.",
        "output",
        common=True,
    )
    overwrite_output_dir: bool = bool_flag(
        False,
        "Delete the files of an earlier training run in output_dir and retrain from scratch.",
        "output",
        common=True,
        training_only=True,
    )
    resume_with_changes: bool = bool_flag(
        False,
        "Resume an unfinished training run even if settings or data have changed.",
        "output",
        training_only=True,
        requires=("do_train",),
        excludes=("overwrite_output_dir",),
    )
    log_steps: Optional[int] = integer_flag(
        None,
        "Number of steps between two entries in the log, train_log.jsonl and TensorBoard.",
        "output",
        default_text="a twentieth of all steps, at most 50",
        lower_bound=1,
    )
    verbosity: str = choice_flag(
        "info",
        ("error", "warning", "info", "debug"),
        "How much to log; debug adds TensorFlow's own messages.",
        "output",
    )
    debug: bool = bool_flag(False, "Show the full traceback of an error.", "output")

    # Hardware and speed.
    distribution: str = choice_flag(
        "auto",
        DISTRIBUTIONS,
        "How several devices train together: multi_worker, in several processes, usually on "
        "several machines; mirrored, on the GPUs of this machine; none, on one device. auto: "
        "multi_worker if TF_CONFIG names several processes, else mirrored if there are several "
        "GPUs, else none.",
        "hardware",
    )
    num_gpus: Optional[int] = integer_flag(
        None,
        "Number of GPUs to train on, per process.",
        "hardware",
        default_text="all",
        lower_bound=1,
    )
    worker_timeout: float = float_flag(
        600.0,
        "Seconds to wait for the other processes at the start.",
        "hardware",
        lower_bound=1.0,
    )
    group_by_length: Optional[bool] = bool_flag(
        None,
        "Train on batches of rows of similar length, which is faster.",
        "hardware",
        default_if_unset=True,
        identity=True,
        before=False,
        kept=True,
    )
    padding_free: bool = bool_flag(
        True,
        "Skip computation on padding. Disabling this is slower, and useful only for comparisons.",
        "hardware",
        identity=True,
        before=False,
    )
    use_xla: bool = bool_flag(
        False,
        "Compile with XLA, for GPUs. Pads every batch to max_seq_length, so that only one shape "
        "is compiled. Slower on CPUs.",
        "hardware",
        identity=True,
        before=False,
    )
    use_bf16: bool = bool_flag(
        False,
        "Multiply matrices in bfloat16. Faster on CPUs with AMX or AVX512_BF16; rejected on other "
        "CPUs.",
        "hardware",
        identity=True,
        before=False,
        excludes=("use_fp16",),
    )
    use_fp16: bool = bool_flag(
        False,
        "Multiply matrices in float16, with an adaptive loss scale. Faster on GPUs with tensor "
        "cores; rejected without a GPU.",
        "hardware",
        identity=True,
        fixed=True,
        before=False,
    )
