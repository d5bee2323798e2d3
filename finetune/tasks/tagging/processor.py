"""The processor of texts with tagged words, and the checks of their tags."""

import collections
import copy
import dataclasses
import logging
from typing import FrozenSet, Iterable, List, Optional, Sequence, TypeVar, Union

from finetune.data.processor import DataProcessor, SkippedRow, check_choice, check_integer
from finetune.tasks.tagging import tags as tags_lib
from finetune.tasks.tagging.readers import FORMS, find_file, read_texts
from finetune.tasks.tagging.tag_format import TagFormat
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.word_splits import WORD_SPLITS, WordSplit
from finetune.util.errors import InputError
from finetune.util.plurals import count

_log = logging.getLogger(__name__)

_DETECT = "auto"
_MIN_WORDS_TO_JUDGE = 10
_MAX_WORDS_OF_ONE_TEXT = 200

ProcessorT = TypeVar("ProcessorT", bound="NERProcessor")


class NERProcessor(DataProcessor):
    """Reads CoNLL columns and the other usual forms, for run_ner.py.

    Flags override the attributes of the same name below `files`. For a different form, define
    `read_examples` in a subclass. It yields `TaggedText`s, made by `TaggedText.from_words` or
    `TaggedText.from_spans`. A subclass can define `__init__(self)`: the toolkit calls it without
    arguments, and sets attributes only in the copies that `with_options` returns.
    """

    script = "run_ner.py"
    example_class = TaggedText
    files = {"train": "train", "dev": "dev", "test": "test"}  # Found with the usual extensions
    data_form: str = _DETECT  # Or one of readers.FORMS
    word_column: Optional[int] = None  # In CoNLL columns: 1 is the first, -1 the last
    tag_column: Optional[int] = None  # 0: none; None: detected, as is the word's column
    word_split: Optional[str] = None  # How bare text is split: one of WORD_SPLITS; None: learnt
    tag_scheme: str = _DETECT  # Or one of tags.SCHEMES, or "lenient"
    learnt_split: Optional[WordSplit] = None  # Set by the toolkit, as is known_types
    known_types: FrozenSet[str] = frozenset()
    overlaps: str = "error"  # Or "longest"

    def with_options(
        self: ProcessorT,
        *,
        data_form: Optional[str] = None,
        word_column: Optional[int] = None,
        tag_column: Optional[int] = None,
        word_split: Optional[str] = None,
        tag_scheme: str = _DETECT,
        learnt_split: Optional[WordSplit] = None,
        known_types: FrozenSet[str] = frozenset(),
        overlaps: Optional[str] = None,
        labels: Optional[Sequence[str]] = None,
    ) -> ProcessorT:
        """Returns a shallow copy of this processor in which the given values are set.

        Values that are None, and a `tag_scheme` of "auto", are not set.
        """
        processor = copy.copy(self)
        processor.data_form = data_form or self.data_form
        processor.word_column = self.word_column if word_column is None else word_column
        processor.tag_column = self.tag_column if tag_column is None else tag_column
        processor.word_split = word_split or self.word_split
        processor.tag_scheme = self.tag_scheme if tag_scheme == _DETECT else tag_scheme
        processor.learnt_split = learnt_split or self.learnt_split
        processor.known_types = known_types or self.known_types
        processor.overlaps = overlaps or self.overlaps
        processor.labels = self.labels if labels is None else list(labels)
        return processor

    @property
    def bare_text_split(self) -> WordSplit:
        """How bare text is split into words: as specified, else as learnt, else at punctuation."""
        learnt = self.learnt_split or WordSplit()
        if self.word_split is None or self.word_split == learnt.how:
            return learnt
        return WordSplit(self.word_split)

    def path_of(self, data_dir: str, split: str) -> str:
        return find_file(data_dir, self.file_name(split))

    def read_examples(self, path: str, split: str) -> Iterable[Union[TaggedText, SkippedRow]]:
        tag_format = TagFormat(
            word_column=self.word_column,
            tag_column=self.tag_column,
            word_split=self.bare_text_split,
            need_tags=split != "test",
            is_of_columns=self.learnt_split is not None,
            overlaps=self.overlaps,
            labels=self.get_labels() or (),
            known_types=self.known_types if split == "test" else frozenset(),
        )
        return read_texts(path, self.data_form, split, tag_format)

    def checked(self, split: str, examples: Iterable[TaggedText]) -> List[TaggedText]:
        """Returns the texts with their tags checked and converted to IOB2."""
        texts = list(examples)
        for text in texts:
            _check_text(text, type(self).__name__, need_tags=split != "test")
        tagged = [text for text in texts if text.tags is not None]
        # Tags of data to predict are only copied: errors in them must not prevent prediction.
        scheme = tags_lib.LENIENT if split == "test" else self.tag_scheme
        scheme = _check_scheme(tagged, scheme)
        if split != "test":
            _log_tags(split, tagged, scheme)
            _warn_of_index_column(split, texts)
            _warn_of_missing_blank_lines(texts)
            if texts and not any(text.words for text in texts):
                raise InputError(f"{texts[0].where or split}: the data contains no words.")
        return [
            text
            if text.tags is None
            else dataclasses.replace(text, tags=tags_lib.to_iob2(text.tags))
            for text in texts
        ]


def check_attributes(processor: NERProcessor) -> None:
    """Raises `InputError` if the user's class set an attribute to an invalid value."""
    schemes = (_DETECT, *tags_lib.SCHEMES, tags_lib.LENIENT)
    check_choice(processor, "data_form", processor.data_form, (_DETECT, *FORMS))
    for name in ("word_column", "tag_column"):
        if getattr(processor, name) is not None:
            check_integer(processor, name, getattr(processor, name))
    check_choice(processor, "tag_scheme", processor.tag_scheme, schemes)
    if processor.word_split is not None:
        check_choice(processor, "word_split", processor.word_split, WORD_SPLITS)


def _warn_of_index_column(split: str, texts: Sequence[TaggedText]) -> None:
    """Warns if all words are whole numbers: they are probably the positions of the words."""
    words = [text.text[start:end] for text in texts for start, end in text.words]
    if len(words) >= _MIN_WORDS_TO_JUDGE and all(word.isdecimal() for word in words):
        _log.warning(
            "%s: every word is a number. If the first column numbers the words, specify the column "
            "of the words, for example with --word_column=2.",
            split,
        )


def _warn_of_missing_blank_lines(texts: Sequence[TaggedText]) -> None:
    if len(texts) == 1 and texts[0].word_a_line and len(texts[0].words) > _MAX_WORDS_OF_ONE_TEXT:
        _log.warning(
            "%s: all %d words are one text, because no blank line separates sentences. Insert a "
            "blank line after each sentence.",
            texts[0].place.rpartition(":")[0],
            len(texts[0].words),
        )


def _check_text(text: TaggedText, processor: str, need_tags: bool) -> None:
    if not isinstance(text, TaggedText):
        raise InputError(
            f"{processor}: read_examples returned {type(text).__name__}; expected TaggedText."
        )
    if need_tags and text.tags is None:
        raise InputError(
            f"{text.where or text.guid}: the words have no tags; expected one each. Check "
            "--tag_column and --data_form."
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
                "For bare text, use --data_form=text."
            )


def _check_scheme(texts: Sequence[TaggedText], scheme: str) -> str:
    """Returns the given or detected scheme; raises `InputError` if a tag breaks it."""
    sequences = [text.gold_tags for text in texts]
    detected = scheme == _DETECT
    wanted = tags_lib.find_scheme(sequences) if detected else scheme
    errors = tags_lib.scheme_errors(sequences, wanted)
    if errors:
        first = errors[0]
        text = texts[first.sequence]
        more = f" (and {count(len(errors) - 1, 'more error')})" if len(errors) > 1 else ""
        reason = "which most of the tags follow" if detected else "as --tag_scheme says"
        raise InputError(
            f"{text.place_of_word(first.word)}: tag {text.gold_tags[first.word]!r}: {first.reason}"
            f"{more}. The tag scheme is {wanted}, {reason}. Correct the tags, or use "
            "--tag_scheme=lenient to read them as conlleval does: a tag that continues no entity "
            "begins one."
        )
    return wanted


def _log_tags(split: str, texts: Sequence[TaggedText], scheme: str) -> None:
    types = collections.Counter(
        kind for text in texts for *_, kind in tags_lib.spans_of(text.gold_tags)
    ).most_common()
    _log.info(
        "%s: %s, tags in %s, entities: %s",
        split,
        count(sum(len(text.words) for text in texts), "word"),
        scheme,
        ", ".join(f"{number} {kind}" for kind, number in types) or "none",
    )
