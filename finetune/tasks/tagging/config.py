"""The flags that only run_ner.py has."""

import dataclasses
from typing import List, Optional

from finetune.config.config import Config
from finetune.config.data_flags import OTHER_FILES
from finetune.config.flags import (
    bool_flag,
    choice_flag,
    float_flag,
    integer_flag,
    list_flag,
    redeclared,
)
from finetune.tasks.tagging.annotation_tools import ANNOTATION_TOOLS
from finetune.tasks.tagging.processor import NERProcessor
from finetune.tasks.tagging.readers import FORMS
from finetune.tasks.tagging.tagged_text import OVERLAPS
from finetune.tasks.tagging.tags import LENIENT, SCHEMES
from finetune.tasks.tagging.word_splits import WORD_SPLITS
from finetune.util.errors import UsageError

NER_HEADS = ("linear", "pooler")


@dataclasses.dataclass(frozen=True)
class NerConfig(Config):
    """The configuration of one run of `run_ner.py`."""

    examples = (
        (
            "Train on CoNLL columns:",
            "--train_file=train.conll --dev_file=dev.conll --do_train --do_eval …",
        ),
        ("Specify the columns:", "--word_column=2 --tag_column=3 …"),
        (
            "Find entities in bare text, from a file or from standard input:",
            "--do_predict --output_dir=out --predict_file=texts.txt; … --predict_file=- <texts.txt",
        ),
    )

    task_name: Optional[str] = redeclared(
        Config,
        "task_name",
        help_text="Task: ner, or another name in PROCESSORS in processors.py.",
        default_if_unset="ner",
    )
    data_form: Optional[str] = choice_flag(
        None,
        ("auto", *FORMS),
        "Form of the data files. auto: detected from their names and content.",
        "data",
        default_if_unset=NERProcessor.data_form,
        kept=True,
        kept_unless=OTHER_FILES,
    )
    word_column: Optional[int] = integer_flag(
        None,
        "Column of the word in CoNLL data: 1 is the first, -1 the last.",
        "data",
        default_text="detected",
        common=True,
        kept=True,
        kept_unless=("predict_file",),
    )
    tag_column: Optional[int] = integer_flag(
        None,
        "Column of the tag in CoNLL data: -1 is the last; 0 if there is none.",
        "data",
        default_text="the last column that contains tags",
        common=True,
        kept=True,
        kept_unless=("predict_file",),
    )
    tag_scheme: str = choice_flag(
        "auto",
        ("auto", *SCHEMES, LENIENT),
        "Tag scheme that the data must follow. auto: detected; lenient: not checked.",
        "data",
        common=True,
    )
    word_split: Optional[str] = choice_flag(
        None,
        WORD_SPLITS,
        "How bare text is split into words.",
        "data",
        default_text="as in the training data; punctuation if that is bare text",
        common=True,
        kept=True,
    )
    labels: Optional[List[str]] = list_flag(
        None,
        "The entity types, or the tags, comma-separated. If the tags in JSON lines are numbers, "
        "they are positions in this list, from 0.",
        "data",
        default_text="those in the training data",
        kept=True,
    )
    overlaps: Optional[str] = choice_flag(
        None,
        OVERLAPS,
        "What to do if spans in JSON lines share words. longest: use only the longest span.",
        "data",
        default_if_unset=OVERLAPS[0],
        kept=True,
    )
    annotation_tool: Optional[str] = choice_flag(
        None,
        ANNOTATION_TOOLS,
        "Also write the predictions in the form that this annotation tool imports.",
        "output",
        per_command=True,
        requires=("do_predict",),
    )
    ner_head: Optional[str] = choice_flag(
        None,
        NER_HEADS,
        "Layer from which labels are predicted. linear: BERT's output; pooler: the sequence-output "
        "pooler.",
        "model",
        default_if_unset=NER_HEADS[0],
        identity=True,
        fixed=True,
        head=True,
        kept=True,
    )
    use_crf: Optional[bool] = bool_flag(
        None,
        "Use a linear-chain CRF instead of softmax.",
        "model",
        default_if_unset=False,
        common=True,
        identity=True,
        fixed=True,
        head=True,
        kept=True,
    )
    crf_learning_rate_factor: Optional[float] = float_flag(
        None,
        "Factor by which the learning rate of the CRF's own weights is multiplied.",
        "training",
        # They start at zero, and BERT's learning rates are far too low for them.
        default_if_unset=100.0,
        identity=True,
        kept=True,
        requires=("use_crf=true",),
        lower_bound=0.0,
    )

    group_by_length: Optional[bool] = redeclared(
        Config,
        "group_by_length",
        help_text="Train on batches of rows of similar length, which is faster, but lowers F1.",
        # Sentences of similar length are similar in kind, too, so such batches are less random.
        default_if_unset=False,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.word_column == 0:
            raise UsageError(
                "--word_column=0: expected 1 for the first column, or -1 for the last."
            )
