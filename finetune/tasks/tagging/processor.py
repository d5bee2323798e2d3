"""Texts whose words are tagged, in the usual forms; the checks of their tags."""

import collections
import dataclasses
import logging
from typing import Iterable, List, Optional, Sequence

from finetune.data.processor import DataProcessor
from finetune.tasks.tagging import tags as tags_lib
from finetune.tasks.tagging.readers import TagFormat, find_file, read_texts
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.util.errors import InputError
from finetune.util.plurals import count

_log = logging.getLogger(__name__)

_DETECT = "auto"


class NERProcessor(DataProcessor):
    """Reads CoNLL columns and the other usual forms, for run_ner.py.

    The attributes below `files` are flags too, which override them. For another form, define
    `read_examples` in a subclass; it yields `TaggedText`s, which `TaggedText.from_words` and
    `TaggedText.from_spans` make.
    """

    example_class = TaggedText
    files = {"train": "train", "dev": "dev", "test": "test"}  # Found with the usual endings
    data_form: str = _DETECT  # Or one of readers.FORMS
    word_column: int = 1  # In CoNLL columns: 1 is the first, -1 the last
    tag_column: int = -1  # 0: none
    word_split: Optional[str] = None  # How bare text is split: one of tagged_text.WORD_SPLITS
    tag_scheme: str = _DETECT  # Or one of tags.SCHEMES, or "lenient"

    def __init__(
        self,
        *,
        data_form: Optional[str] = None,
        word_column: Optional[int] = None,
        tag_column: Optional[int] = None,
        word_split: Optional[str] = None,
        tag_scheme: str = _DETECT,
    ):
        """Creates a processor; each value that is given overrides the class attribute."""
        self.data_form = data_form or self.data_form
        self.word_column = self.word_column if word_column is None else word_column
        self.tag_column = self.tag_column if tag_column is None else tag_column
        self.word_split = word_split or self.word_split
        self.tag_scheme = self.tag_scheme if tag_scheme == _DETECT else tag_scheme

    def path_of(self, data_dir: str, split: str) -> str:
        return find_file(data_dir, self.file_name(split))

    def read_examples(self, path: str, split: str) -> Iterable[TaggedText]:
        tag_format = TagFormat(
            word_column=self.word_column,
            tag_column=self.tag_column,
            word_split=self.word_split or "punctuation",
            need_tags=split != "test",
        )
        return read_texts(path, self.data_form, split, tag_format)

    def checked(self, split: str, examples: Iterable[TaggedText]) -> List[TaggedText]:
        """Returns the texts with their tags checked and converted to IOB2."""
        texts = list(examples)
        for text in texts:
            _check_text(text, type(self).__name__, need_tags=split != "test")
        tagged = [text for text in texts if text.tags is not None]
        # Tags of data to predict are only passed on: their errors must not prevent a prediction.
        scheme = tags_lib.LENIENT if split == "test" else self.tag_scheme
        scheme = _check_scheme(tagged, scheme)
        if split != "test":
            _log_tags(split, tagged, scheme)
            if texts and not any(text.words for text in texts):
                raise InputError(f"{texts[0].where or split}: the data contains no words.")
        return [
            text
            if text.tags is None
            else dataclasses.replace(text, tags=tags_lib.to_iob2(text.tags))
            for text in texts
        ]


def _check_text(text: TaggedText, processor: str, need_tags: bool) -> None:
    if not isinstance(text, TaggedText):
        raise InputError(
            f"{processor}: read_examples returned {type(text).__name__}; expected TaggedText."
        )
    if need_tags and text.tags is None:
        raise InputError(
            f"{text.where or text.guid}: the words have no tags; expected one each. Does the data "
            "have other columns or another form (--tag_column, --data_form)?"
        )
    if text.tags is not None and len(text.tags) != len(text.words):
        raise InputError(
            f"{text.where or text.guid}: {count(len(text.tags), 'tag')} for "
            f"{count(len(text.words), 'word')}; expected one each."
        )
    for i, tag in enumerate(text.tags or ()):
        if not tags_lib.is_tag(tag):
            raise InputError(
                f"{text.place_of_word(i)}: found {tag!r} as a tag; expected {tags_lib.TAG_FORM}. "
                "For bare text, give --data_form=text."
            )


def _check_scheme(texts: Sequence[TaggedText], scheme: str) -> str:
    """Returns the scheme of tags; raises `InputError` where they break it or the one asked for."""
    sequences = [text.tags for text in texts]
    detected = scheme == _DETECT
    wanted = tags_lib.find_scheme(sequences) if detected else scheme
    errors = tags_lib.scheme_errors(sequences, wanted)
    if errors:
        first = errors[0]
        text = texts[first.sequence]
        more = f" (and {count(len(errors) - 1, 'more such place')})" if len(errors) > 1 else ""
        reason = "which most of the tags follow" if detected else "as --tag_scheme says"
        raise InputError(
            f"{text.place_of_word(first.word)}: tag {text.tags[first.word]!r}: {first.reason}"
            f"{more}. The tag scheme is {wanted}, {reason}. Correct the tags, or give "
            "--tag_scheme=lenient to read them as conlleval does: a tag that continues no entity "
            "begins one."
        )
    return wanted


def _log_tags(split: str, texts: Sequence[TaggedText], scheme: str) -> None:
    types = collections.Counter(
        kind for text in texts for *_, kind in tags_lib.spans_of(text.tags)
    ).most_common()
    _log.info(
        "%s: %s, tags in %s, entities: %s",
        split,
        count(sum(len(text.words) for text in texts), "word"),
        scheme,
        ", ".join(f"{number} {kind}" for kind, number in types) or "none",
    )
