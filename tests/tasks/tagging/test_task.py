"""The task of taggers: the processors that it accepts."""

import pytest

from finetune.tasks.tagging.config import NerConfig
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.task import Tagging
from finetune.util.errors import InputError
from processors import DataProcessor


def test_processor_of_tagged_texts_must_be_a_ner_processor():
    class Tagged(DataProcessor):
        example_class = TaggedText

    config = NerConfig(output_dir="out", do_train=True, max_seq_length=32)
    message = r"^Tagged: its examples are TaggedTexts; expected a subclass of NERProcessor\.$"
    with pytest.raises(InputError, match=message):
        Tagging.resolve(config, Tagged, "data")
