"""The flags that run_ner.py has of its own."""

import dataclasses
from typing import Optional

from finetune.config import Config, bool_flag, choice_flag, float_flag, integer_flag
from finetune.ner_readers import FORMS
from finetune.tagged_text import WORD_SPLITS
from finetune.tagging import LENIENT, SCHEMES

NER_HEADS = ("linear", "pooler")


@dataclasses.dataclass(frozen=True)
class NerConfig(Config):
    """What one run of `run_ner.py` does."""

    data_form: Optional[str] = choice_flag(
        None,
        ("auto", *FORMS),
        "What the data files are. auto, the default: told from their names and what is in them.",
    )
    word_column: Optional[int] = integer_flag(
        None, "Column of the word in CoNLL data: 1 the first, -1 the last. Default: 1."
    )
    tag_column: Optional[int] = integer_flag(
        None, "Column of the tag in CoNLL data; 0: there is none. Default: -1, the last."
    )
    tag_scheme: str = choice_flag(
        "auto",
        ("auto", *SCHEMES, LENIENT),
        "Tag scheme of the data, checked. auto: recognised; lenient: not checked.",
    )
    word_split: Optional[str] = choice_flag(
        None,
        WORD_SPLITS,
        "How text without given words is cut into words. Default: as the labels of the training's "
        "texts.txt did; otherwise punctuation.",
    )
    ner_head: Optional[str] = choice_flag(
        None,
        NER_HEADS,
        "What labels are read from. linear: BERT's output; pooler: the sequence-output pooler. "
        f"Default: {NER_HEADS[0]}.",
    )
    use_crf: Optional[bool] = bool_flag(
        None, "Put a linear-chain CRF in place of softmax. Default: false."
    )
    crf_learning_rate_factor: Optional[float] = float_flag(
        None,
        "The CRF's own weights have the learning rate times this. Default: 100.",
        lower_bound=0.0,
    )

    def __post_init__(self):
        super().__post_init__()
        if self.word_column == 0:
            raise ValueError(
                "--word_column=0: expected 1 for the first column, or -1 for the last."
            )
