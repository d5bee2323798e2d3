"""The flags that only run_squad.py has."""

import dataclasses
from typing import List, Optional

from finetune.config.config import Config
from finetune.config.flags import (
    bool_flag,
    choice_flag,
    float_flag,
    integer_flag,
    redeclared,
    string_flag,
)
from finetune.data.frame import MIN_PAIR_LENGTH, pair_room
from finetune.tasks.question_answering.features import ANSWERS, WINDOWS_WITHOUT_ANSWER
from finetune.util.errors import UsageError

_MAX_QUERY_LENGTH = 64  # By default, unless windows are short


@dataclasses.dataclass(frozen=True)
class QaConfig(Config):
    """The configuration of one run of `run_squad.py`."""

    examples = (
        (
            "Train on SQuAD and write predictions.json:",
            "--do_train --do_predict --train_file=train-v1.1.json --predict_file=dev-v1.1.json …",
        ),
        (
            "Answer one question:",
            '--do_predict --output_dir=out --question="Who made it?" --context_file=text.txt',
        ),
        (
            "Score the answers of any system:",
            "--do_eval --dev_file=dev.json --predictions_file=predictions.json --output_dir=scores",
        ),
    )

    task_name: Optional[str] = redeclared(
        Config,
        "task_name",
        help_text="Task: qa, or another name in PROCESSORS in processors.py.",
        default_if="",
        default_if_unset="qa",
    )
    predict_file: Optional[str] = redeclared(
        Config,
        "predict_file",
        help_text="File to predict, instead of the test file in data_dir. With -, JSON lines "
        "with a question and a context each are read from standard input.",
    )
    max_seq_length: Optional[int] = redeclared(
        Config, "max_seq_length", default_if_unset=384, lower_bound=MIN_PAIR_LENGTH
    )
    doc_stride: Optional[int] = redeclared(
        Config,
        "doc_stride",
        help_text="Number of wordpieces from the start of one window of a long context to the "
        "start of the next. In Hugging Face's example, a flag of this name is the overlap.",
        default_if_unset=128,
        default_text="",
    )
    group_by_length: Optional[bool] = redeclared(
        Config,
        "group_by_length",
        # Questions about the same context are equally long, so they would be in the same batches.
        default_if_unset=False,
    )
    max_query_length: Optional[int] = integer_flag(
        None,
        "Maximum length of a question in wordpieces; the rest of it is cut.",
        "model",
        default_text="64, or half of max_seq_length if that is less",
        common=True,
        identity=True,
        kept=True,
        lower_bound=1,
    )
    question: Optional[str] = string_flag(
        None,
        "Question to answer from context_file. The answer is also written to standard output.",
        "data",
        common=True,
        per_command=True,
        requires=("context_file", "do_predict"),
    )
    context_file: Optional[str] = string_flag(
        None,
        "Text file with the context of question; - is standard input.",
        "data",
        common=True,
        is_path=True,
        per_command=True,
        requires=("question",),
    )
    answers: Optional[str] = choice_flag(
        None,
        ANSWERS,
        "Gold answers to train on. all: the loss is that of the sum of their probabilities; first: "
        "only the first one, as in Google's script.",
        "training",
        default_if_unset=ANSWERS[0],
        identity=True,
        kept=True,
    )
    windows_without_answer: Optional[str] = choice_flag(
        None,
        WINDOWS_WITHOUT_ANSWER,
        "How to train on windows that do not contain the answer to their question. no_answer: the "
        "model learns that they contain none; skip: they are not used.",
        "training",
        default_if_unset=WINDOWS_WITHOUT_ANSWER[0],
        identity=True,
        kept=True,
    )
    version_2_with_negative: Optional[bool] = bool_flag(
        None,
        "Whether questions can have no answer, as in SQuAD 2.0.",
        "model",
        default_text="true if the training data has such questions",
        common=True,
        kept=True,
    )
    null_score_diff_threshold: Optional[float] = float_flag(
        None,
        "Answer only if the score of no answer minus that of the best answer is at most this.",
        "evaluation",
        default_text="the value with the best F1 on the dev file; 0 before the first evaluation",
        common=True,
    )
    n_best_size: int = integer_flag(
        20,
        "Number of answers per question in nbest_predictions.json.",
        "evaluation",
        lower_bound=1,
    )
    max_answer_length: Optional[int] = integer_flag(
        None,
        "Maximum length of a predicted answer in wordpieces.",
        "evaluation",
        default_if_unset=30,
        common=True,
        kept=True,
        lower_bound=1,
    )
    answer_language: Optional[str] = string_flag(
        None,
        "Language of the answers, which decides how they are compared. en, es, hi, vi, de, ar, zh: "
        "by the rules of MLQA; others: by those of SQuAD.",
        "evaluation",
        default_text="the rules of SQuAD",
        kept=True,
    )
    predictions_file: Optional[str] = string_flag(
        None,
        "Answers to score instead of a model's: a JSON object with an answer for each question id.",
        "evaluation",
        common=True,
        is_path=True,
        per_command=True,
        requires=("do_eval", "dev_file"),
        excludes=("do_train", "do_predict", "null_score_diff_threshold"),
    )
    na_prob_file: Optional[str] = string_flag(
        None,
        "Probabilities, or other scores, that questions have no answer: a JSON object with a "
        "number for each question id.",
        "evaluation",
        is_path=True,
        per_command=True,
        requires=("predictions_file",),
    )
    na_prob_thresh: Optional[float] = float_flag(
        None,
        "Number in na_prob_file above which an answer counts as no answer.",
        "evaluation",
        default_if_unset=1.0,
        per_command=True,
        requires=("na_prob_file",),
    )

    def __post_init__(self) -> None:
        if self.context_file and not self.predict_file:
            object.__setattr__(self, "predict_file", self.context_file)
        super().__post_init__()
        if self.do_embed:
            raise UsageError(
                "--do_embed applies to single texts, not to questions. Use run_classifier.py "
                "with the --model_dir of a pretrained model, or `load(...).embed` in Python."
            )
        for name in ("class_weights", "label_smoothing"):
            if getattr(self, name):
                raise UsageError(f"--{name} applies to labels, which answers do not have. Omit it.")
        if self.context_file and self.predict_file != self.context_file:
            raise UsageError("--context_file and --predict_file cannot be combined: omit one.")

    @property
    def prints_predictions(self) -> bool:
        return self.question is not None

    def _unnamed_files(self) -> List[str]:
        return [] if self.predictions_file else super()._unnamed_files()

    def with_room_for_context(self) -> "QaConfig":
        """Returns the configuration with defaults; by default, half of a window is for the context.

        Raises:
          UsageError: --max_query_length leaves no room for the context.
        """
        room = pair_room(self.value_of("max_seq_length"))
        if self.max_query_length is None:
            default = {"max_query_length": min(_MAX_QUERY_LENGTH, room // 2)}
            return self.filled_from(default).with_defaults()
        if self.max_query_length >= room:
            raise UsageError(
                f"--max_query_length={self.max_query_length} leaves no room for the context in "
                f"--max_seq_length={self.value_of('max_seq_length')}; expected at most {room - 1}."
            )
        return self.with_defaults()
