"""The flags that only run_ner.py has."""

import dataclasses
from typing import Optional

from finetune.config.config import Config
from finetune.config.flags import bool_flag, choice_flag, float_flag, integer_flag
from finetune.tasks.tagging.readers import FORMS
from finetune.tasks.tagging.tagged_text import WORD_SPLITS
from finetune.tasks.tagging.tags import LENIENT, SCHEMES
from finetune.util.errors import UsageError

NER_HEADS = ("linear", "pooler")


@dataclasses.dataclass(frozen=True)
class NerConfig(Config):
    """What one run of `run_ner.py` does."""

    examples = (
        (
            "Train on CoNLL columns:",
            "--train_file=train.conll --dev_file=dev.conll --do_train --do_eval …",
        ),
        ("Choose the columns:", "--word_column=2 --tag_column=3 …"),
        (
            "Find entities in bare text, from a file or from standard input:",
            "--do_predict --output_dir=out --predict_file=texts.txt; … --predict_file=- <texts.txt",
        ),
    )

    data_form: Optional[str] = choice_flag(
        None,
        ("auto", *FORMS),
        "Form of the data files. Default: auto, detected from their names and content.",
        "data",
        kept=True,
        kept_unless=("data_dir", "dev_file", "predict_file"),
    )
    word_column: Optional[int] = integer_flag(
        None,
        "Column of the word in CoNLL data: 1 is the first, -1 the last. Default: 1.",
        "data",
        common=True,
        kept=True,
    )
    tag_column: Optional[int] = integer_flag(
        None,
        "Column of the tag in CoNLL data; 0: there is none. Default: -1, the last.",
        "data",
        common=True,
        kept=True,
    )
    tag_scheme: str = choice_flag(
        "auto",
        ("auto", *SCHEMES, LENIENT),
        "Tag scheme of the data, which is checked. auto: detected; lenient: not checked.",
        "data",
        common=True,
    )
    word_split: Optional[str] = choice_flag(
        None,
        WORD_SPLITS,
        "How bare text is split into words. Default: as in the training's texts.txt, else at "
        "punctuation.",
        "data",
        common=True,
        kept=True,
    )
    ner_head: Optional[str] = choice_flag(
        None,
        NER_HEADS,
        "Layer from which labels are read. linear: BERT's output; pooler: the sequence-output "
        f"pooler. Default: {NER_HEADS[0]}.",
        "model",
        identity=True,
        fixed=True,
        head=True,
        kept=True,
    )
    use_crf: Optional[bool] = bool_flag(
        None,
        "Use a linear-chain CRF instead of softmax. Default: false.",
        "model",
        common=True,
        identity=True,
        fixed=True,
        head=True,
        kept=True,
    )
    crf_learning_rate_factor: Optional[float] = float_flag(
        None,
        "Factor on the learning rate of the CRF's own weights. Default: 100.",
        "training",
        identity=True,
        kept=True,
        kept_unless=("use_crf=false",),
        requires=("use_crf=true",),
        lower_bound=0.0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.word_column == 0:
            raise UsageError(
                "--word_column=0: expected 1 for the first column, or -1 for the last."
            )
