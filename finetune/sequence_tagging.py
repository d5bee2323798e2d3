"""The tagger's task: a label for each word of a text, and the entities that they make."""

import collections
import dataclasses
import itertools
import logging
import os
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Type

import numpy as np

from finetune import class_weights, entity_metrics, ner_readers, predictions, sources, tagging
from finetune.config import UsageError
from finetune.evidence import Evidence, judge_tags
from finetune.features import NO_LABEL
from finetune.model_fns import Training
from finetune.ner_config import NER_HEADS, NerConfig
from finetune.readers import DataPath
from finetune.survey import Faults
from finetune.tagged_text import TaggedText
from finetune.tagger_model import tagger_model_fn_builder
from finetune.tagging_features import TaggingFeatures, encode_texts, room_of
from finetune.tasks import Task, refuse_long_stride
from processors import DataProcessor, NERProcessor

_log = logging.getLogger(__name__)

_CRF_VARIABLES = r"^crf/"
# They start at zero, and BERT's rates are far too low for them.
_CRF_FACTOR = 100.0
# Scores by which a model can be the best, the default first.
_METRICS = (
    "f1", "loss", "token_accuracy", "precision", "recall", "macro_f1", "macro_precision",
    "macro_recall", "strict_f1", "strict_precision", "strict_recall",
)  # fmt: skip


class SequenceTagging(Task):
    """What `run_ner.py` does with its data and its model."""

    other_script = "run_classifier.py"
    default_name = "ner"
    example_class = TaggedText
    label_unit = "entities"

    @classmethod
    def takes(cls, processor: Type[DataProcessor]) -> bool:
        return issubclass(processor, NERProcessor)

    @classmethod
    def lasting(cls, settings: Dict[str, Any], config: NerConfig) -> Dict[str, Any]:
        others = {"crf_learning_rate_factor"} if config.use_crf is False else set()
        lasting = super().lasting(settings, config)
        return {name: value for name, value in lasting.items() if name not in others}

    @classmethod
    def with_defaults(cls, config: NerConfig, processor: NERProcessor, data_dir: str) -> NerConfig:
        for name in ("data_form", "word_column", "tag_column", "word_split"):
            if getattr(config, name) is not None:
                setattr(processor, name, getattr(config, name))
        if processor.word_split is None and config.begins:
            path = config.train_file or sources.existing(processor, data_dir, "train")
            file = DataPath.of(path, config.encoding or DataPath.encoding)
            processor.word_split = _word_split_of_training(file)
        room = room_of(config.max_seq_length)
        refuse_long_stride(config, room)
        if config.crf_learning_rate_factor is not None and not config.use_crf:
            raise ValueError("--crf_learning_rate_factor is given without --use_crf=true.")
        for name in ("class_weights", "label_smoothing"):
            if getattr(config, name) and config.use_crf:
                raise UsageError(f"--{name} is for softmax; leave --use_crf or --{name} out.")
        return config.filled_from(
            {
                "ner_head": NER_HEADS[0],
                "use_crf": False,
                "crf_learning_rate_factor": _CRF_FACTOR if config.use_crf else None,
                "doc_stride": max(1, room // 2),
                "word_split": processor.word_split,
            }
        )

    def source(self, split: str, path: str) -> Iterable[TaggedText]:
        if path and (path == "-" or self._config.data_form == "text"):
            # Bare text is the same for all tasks, however they read their own files.
            file = DataPath.of(path, self._config.encoding or DataPath.encoding)
            return list(NERProcessor.read_examples(self._processor, file, split))
        return super().source(split, path)

    def checked(self, split: str, examples: Iterable[TaggedText]) -> List[TaggedText]:
        """Returns the texts with their tags checked and turned into IOB2."""
        examples = list(examples)
        for text in examples:
            _refuse_incomplete(text, type(self._processor).__name__, need_tags=split != "test")
        tagged = [text for text in examples if text.tags is not None]
        # Of data to predict, the tags are passed on and no more: no fault of theirs is in the way.
        scheme = tagging.LENIENT if split == "test" else self._config.tag_scheme
        scheme = _refuse_faults(tagged, scheme)
        if split != "test":
            _log_tags(split, tagged, scheme)
        if split != "test" and examples and not any(text.words for text in examples):
            raise ValueError(f"{examples[0].where or split}: no words in the whole data.")
        return [
            text
            if text.tags is None
            else dataclasses.replace(text, tags=tagging.to_iob2(text.tags))
            for text in examples
        ]

    def learn(self, train_examples: Iterable[TaggedText]) -> None:
        sequences = [text.tags for text in train_examples]
        listed = self.listed_labels()
        if listed is not None:
            sequences = [listed]
            wrong = [label for label in sequences[0] if not tagging.is_tag(label)]
            if wrong:
                raise ValueError(
                    f"{type(self._processor).__name__}: its labels have {wrong[0]!r}, which is no "
                    "tag; expected O, and such as B-PER and I-PER."
                )
        types = {kind for tags in sequences for _, _, kind in tagging.spans_of(tags)}
        if not types:
            raise ValueError(
                "The training data has no tag but O; expected words that are tagged B-… and I-…."
            )
        self.labels = tagging.label_list(types)

    def stratum(self, example: TaggedText) -> str:
        return repr(sorted({kind for *_, kind in tagging.spans_of(example.tags or ())}))

    def texts(self, example: TaggedText) -> Sequence[str]:
        return [example.text]

    def contents(self, examples: Iterable[TaggedText]) -> Iterator[Tuple]:
        return ((text.text, text.words, text.tags) for text in examples)

    @property
    def metrics(self) -> Sequence[str]:
        return _METRICS

    def class_weights(self, features: TaggingFeatures) -> Optional[List[float]]:
        if self._config.class_weights is None:
            return None
        known = features.label_ids[features.label_ids != NO_LABEL]
        counts = np.bincount(known, minlength=len(self.labels))
        return class_weights.parse(self._config.class_weights, self.labels, counts)

    def encode(
        self, split: str, examples: Iterable[TaggedText], faults: Optional[Faults] = None
    ) -> TaggingFeatures:
        del faults  # The first fault ends the check of a split: tags depend on one another.
        return encode_texts(
            examples,
            what=f"Reading {split}: ",
            labels=None if split == "test" else self.labels,
            max_seq_length=self._config.max_seq_length,
            doc_stride=self._config.doc_stride,
            tokenizer=self._model.tokenizer,
        )

    def label_counts(
        self, examples: Iterable[TaggedText], features: TaggingFeatures
    ) -> Dict[str, float]:
        del features
        counts = dict.fromkeys((tagging.split_tag(tag)[1] for tag in self.labels[1::2]), 0)
        for text in examples:
            for *_, kind in tagging.spans_of(text.tags or ()):
                counts[kind] = counts.get(kind, 0) + 1
        return counts

    def make_model_fn(self, init_checkpoint: Optional[str], training: Training) -> Callable:
        factors = dict(training.learning_rate_factors)
        if self._config.use_crf:  # The first that matches counts.
            factors = {_CRF_VARIABLES: self._config.crf_learning_rate_factor, **factors}
        return tagger_model_fn_builder(
            bert_config=training.adjusted(self._model.bert_config),
            labels=self.labels,
            head=self._config.ner_head,
            use_crf=self._config.use_crf,
            init_checkpoint=init_checkpoint,
            training=dataclasses.replace(training, learning_rate_factors=factors),
            padding_free=not self._config.computes_padding,
        )

    def score(
        self,
        examples: List[TaggedText],
        features: TaggingFeatures,
        outputs: Iterable[Dict[str, np.ndarray]],
    ) -> Tuple[dict, str]:
        outputs = list(outputs)
        answers = self._answers(examples, features, outputs)
        nll = sum(float(batch["negative_log_likelihood"].sum()) for batch in outputs)
        scores = entity_metrics.entity_scores(
            [text.tags for text in examples],
            [tags for tags, _ in answers],
            loss=nll / len(features.label_ids),
        )
        return scores, entity_metrics.format_entity_scores(scores)

    def evidence(
        self,
        examples: List[TaggedText],
        features: TaggingFeatures,
        outputs: Iterable[Dict[str, np.ndarray]],
    ) -> Evidence:
        return judge_tags(examples, self._answers(examples, features, outputs))

    def write_predictions(
        self,
        output_dir: str,
        examples: List[TaggedText],
        features: TaggingFeatures,
        outputs: Iterable[Dict[str, np.ndarray]],
    ) -> List[str]:
        answers = self._answers(examples, features, outputs)
        paths = [os.path.join(output_dir, f"test_results.{kind}") for kind in ("conll", "jsonl")]
        predictions.write_tagging(*paths, examples, answers)
        return paths

    def _answers(
        self,
        examples: Sequence[TaggedText],
        features: TaggingFeatures,
        outputs: Iterable[Dict[str, np.ndarray]],
    ) -> Iterator[Tuple[List[str], List[float]]]:
        """Yields each text's predicted tags and their probabilities."""
        words = _words_of(features, outputs)
        for text in examples:
            answers = list(itertools.islice(words, len(text.words)))
            tags = [self.labels[label_id] for label_id, _ in answers]
            # Parts of a text are decoded one by one: where two meet, an I may go on nothing.
            tags = tagging.to_iob2(tags) if self._config.use_crf else tags
            yield tags, [probability for _, probability in answers]


def _words_of(
    features: TaggingFeatures, outputs: Iterable[Dict[str, np.ndarray]]
) -> Iterator[Tuple[int, float]]:
    """Yields label id and probability of each word, in the order of the texts."""
    counts = iter(np.diff(features.word_starts))
    for batch in outputs:
        for label_ids, probabilities, count in zip(
            batch["label_ids"], batch["probabilities"], counts
        ):
            yield from zip(label_ids[:count].tolist(), probabilities[:count].tolist())


def _word_split_of_training(path: str) -> str:
    try:
        return ner_readers.word_split_of(path)
    except ValueError:
        # A processor's own way of reading needs no such file; if not, the reading says so.
        return "punctuation"


def _refuse_incomplete(text: TaggedText, processor: str, need_tags: bool) -> None:
    if not isinstance(text, TaggedText):
        raise ValueError(
            f"{processor}: read_examples gave {type(text).__name__}; expected TaggedText."
        )
    if need_tags and text.tags is None:
        raise ValueError(
            f"{text.where or text.guid}: the words have no tags; expected one each. Are the "
            "columns or the form of the data others (--tag_column, --data_form)?"
        )
    if text.tags is not None and len(text.tags) != len(text.words):
        raise ValueError(
            f"{text.where or text.guid}: {len(text.tags)} tags for {len(text.words)} words; "
            "expected one each."
        )
    for i, tag in enumerate(text.tags or ()):
        if not tagging.is_tag(tag):
            raise ValueError(
                f"{text.place(i)}: found {tag!r} for a tag; expected {tagging.TAG_FORM}. For bare "
                "text, give --data_form=text."
            )


def _log_tags(split: str, texts: Sequence[TaggedText], scheme: str) -> None:
    types = collections.Counter(
        kind for text in texts for *_, kind in tagging.spans_of(text.tags)
    ).most_common()
    _log.info(
        "%s: %d words, tags in %s, entities: %s",
        split,
        sum(len(text.words) for text in texts),
        scheme,
        ", ".join(f"{count} {kind}" for kind, count in types) or "none",
    )


def _refuse_faults(texts: Sequence[TaggedText], scheme: str) -> str:
    """Returns the scheme of tags; raises `ValueError` where they break it or that asked for."""
    sequences = [text.tags for text in texts]
    wanted = tagging.find_scheme(sequences) if scheme == "auto" else scheme
    faults = tagging.faults(sequences, wanted)
    if faults:
        first = faults[0]
        text = texts[first.sequence]
        more = f" ({len(faults) - 1} more such places)" if len(faults) > 1 else ""
        said = "by --tag_scheme" if scheme != "auto" else "by most of them"
        raise ValueError(
            f"{text.place(first.word)}: tag {text.tags[first.word]!r}: {first.reason}{more}. The "
            f"tags are {wanted}, {said}. Correct them, or give --tag_scheme=lenient to read them "
            "as conlleval does: what goes on no span begins one."
        )
    return wanted
