"""The tagger's task: a label for each word of a text, and the entities that the labels form."""

import dataclasses
import itertools
import os
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Type

import numpy as np

from finetune.data import sources
from finetune.data.frame import Frame
from finetune.data.lines import DataPath
from finetune.data.row_statistics import RowErrors
from finetune.data.rows import NO_LABEL
from finetune.models.model_fn import Training
from finetune.models.pretrained import Pretrained
from finetune.output import names as file_names
from finetune.output.best_model import Scores
from finetune.tasks.mistakes import EvaluationDetails
from finetune.tasks.tagging import metrics, predictions
from finetune.tasks.tagging import tags as tags_lib
from finetune.tasks.tagging.config import NER_HEADS, NerConfig
from finetune.tasks.tagging.features import TaggingFeatures, encode_texts
from finetune.tasks.tagging.head import tagger_model_fn_builder
from finetune.tasks.tagging.mistakes import review_tags
from finetune.tasks.tagging.processor import NERProcessor
from finetune.tasks.tagging.readers import word_split_for_training_file
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.task import Outputs, Processors, Resolved, Task, check_stride
from finetune.util.errors import InputError

_CRF_VARIABLES = r"^crf/"
# The CRF's weights start at zero, and BERT's learning rates are far too low for them.
_CRF_FACTOR = 100.0
# Metrics that can select the best model, the default first.
_METRICS = (
    "f1",
    "loss",
    "token_accuracy",
    "precision",
    "recall",
    "macro_f1",
    "macro_precision",
    "macro_recall",
    "strict_f1",
    "strict_precision",
    "strict_recall",
)


class Tagging(Task):
    """What `run_ner.py` does with its data and its model."""

    other_script = "run_classifier.py"
    default_name = "ner"
    example_class = TaggedText
    label_unit = "entities"
    config: NerConfig

    @classmethod
    def resolve(cls, config: NerConfig, processor: Type[NERProcessor], data_dir: str) -> Resolved:
        files = _make_processor(processor, config, config.word_split)
        if files.word_split is None and config.learns_labels:
            files = _make_processor(processor, config, _word_split(config, files, data_dir))
        room = Frame.room(config.max_seq_length)
        check_stride(config, room)
        config = config.filled_from(
            {
                "ner_head": NER_HEADS[0],
                "use_crf": False,
                "crf_learning_rate_factor": _CRF_FACTOR if config.use_crf else None,
                "doc_stride": max(1, room // 2),
                "word_split": files.word_split,
            }
        )
        bare_text = _make_processor(NERProcessor, config, files.word_split)
        if config.data_form == "text":
            return Resolved(config, Processors(bare_text, bare_text))
        return Resolved(config, Processors(files, bare_text))

    @classmethod
    def stratum_of(cls, config: NerConfig) -> Callable[[TaggedText], str]:
        del config
        return lambda text: repr(sorted({kind for *_, kind in tags_lib.spans_of(text.tags or ())}))

    @classmethod
    def learn(
        cls,
        config: NerConfig,
        processors: Processors,
        model: Pretrained,
        examples: Iterable[TaggedText],
    ) -> "Tagging":
        listed = cls.listed_labels(config, processors)
        sequences = [text.tags for text in examples] if listed is None else [listed]
        for label in listed or ():
            if not tags_lib.is_tag(label):
                raise InputError(
                    f"{type(processors.files).__name__}: its labels contain {label!r}, which is "
                    "not a tag; expected O and tags like B-PER and I-PER."
                )
        types = {kind for tags in sequences for _, _, kind in tags_lib.spans_of(tags)}
        if not types:
            raise InputError(
                "The training data has no tag except O; expected words tagged B-… and I-…."
            )
        return cls(config, processors, model, tags_lib.label_list(types))

    def encode(
        self, split: str, examples: Iterable[TaggedText], errors: Optional[RowErrors] = None
    ) -> TaggingFeatures:
        del errors  # The first error ends the check of a split: tags depend on one another.
        return encode_texts(
            examples,
            what=f"Reading {split}: ",
            labels=None if split == "test" else self.labels,
            max_seq_length=self.config.max_seq_length,
            doc_stride=self.config.doc_stride,
            tokenizer=self.model.tokenizer,
        )

    def label_counts(
        self, examples: Iterable[TaggedText], features: TaggingFeatures
    ) -> Dict[str, float]:
        del features
        counts = dict.fromkeys((tags_lib.split_tag(tag)[1] for tag in self.labels[1::2]), 0)
        for text in examples:
            for *_, kind in tags_lib.spans_of(text.tags or ()):
                counts[kind] = counts.get(kind, 0) + 1
        return counts

    def label_id_counts(self, features: TaggingFeatures) -> Sequence[int]:
        known = features.label_ids[features.label_ids != NO_LABEL]
        return np.bincount(known, minlength=len(self.labels)).tolist()

    def make_model_fn(self, init_checkpoint: Optional[str], training: Training) -> Callable:
        factors = dict(training.learning_rate_factors)
        if self.config.use_crf:  # The first pattern that matches a variable counts.
            factors = {_CRF_VARIABLES: self.config.crf_learning_rate_factor, **factors}
        return tagger_model_fn_builder(
            bert_config=training.adjusted(self.model.bert_config),
            labels=self.labels,
            head=self.config.ner_head,
            use_crf=self.config.use_crf,
            init_checkpoint=init_checkpoint,
            training=dataclasses.replace(training, learning_rate_factors=factors),
            padding_free=not self.config.computes_padding,
        )

    @property
    def metrics(self) -> Sequence[str]:
        return _METRICS

    def score(
        self, examples: Sequence[TaggedText], features: TaggingFeatures, outputs: Outputs
    ) -> Tuple[Scores, str]:
        outputs = list(outputs)
        answers = self._predicted_tags(examples, features, outputs)
        nll = sum(float(batch["negative_log_likelihood"].sum()) for batch in outputs)
        scores = metrics.entity_scores(
            [text.tags for text in examples],
            [tags for tags, _ in answers],
            loss=nll / len(features.label_ids),
        )
        return scores, metrics.format_entity_scores(scores)

    def details(
        self, examples: Sequence[TaggedText], features: TaggingFeatures, outputs: Outputs
    ) -> EvaluationDetails:
        return review_tags(examples, self._predicted_tags(examples, features, outputs))

    def write_predictions(
        self,
        output_dir: str,
        examples: Sequence[TaggedText],
        features: TaggingFeatures,
        outputs: Outputs,
    ) -> List[str]:
        answers = self._predicted_tags(examples, features, outputs)
        files = (file_names.PREDICTIONS_CONLL, file_names.PREDICTIONS_JSONL)
        paths = [os.path.join(output_dir, name) for name in files]
        predictions.write_tagging(*paths, examples, answers)
        return paths

    def _predicted_tags(
        self, examples: Sequence[TaggedText], features: TaggingFeatures, outputs: Outputs
    ) -> Iterator[Tuple[List[str], List[float]]]:
        """Yields each text's predicted tags and their probabilities."""
        words = _words_of(features, outputs)
        for text in examples:
            answers = list(itertools.islice(words, len(text.words)))
            tags = [self.labels[label_id] for label_id, _ in answers]
            # Windows are decoded separately: where two meet, an I- may continue no entity.
            tags = tags_lib.to_iob2(tags) if self.config.use_crf else tags
            yield tags, [probability for _, probability in answers]


def _words_of(features: TaggingFeatures, outputs: Outputs) -> Iterator[Tuple[int, float]]:
    """Yields the label id and probability of each word, in the order of the texts."""
    counts = iter(np.diff(features.word_starts))
    for batch in outputs:
        for label_ids, probabilities, count in zip(
            batch["label_ids"], batch["probabilities"], counts
        ):
            yield from zip(label_ids[:count].tolist(), probabilities[:count].tolist())


def _make_processor(
    processor: Type[NERProcessor], config: NerConfig, word_split: Optional[str]
) -> NERProcessor:
    with sources.processor_errors(processor):
        return processor(
            data_form=config.data_form,
            word_column=config.word_column,
            tag_column=config.tag_column,
            word_split=word_split,
            tag_scheme=config.tag_scheme,
        )


def _word_split(config: NerConfig, processor: NERProcessor, data_dir: str) -> str:
    """Returns how bare text is to be split, judging by the training file."""
    path = config.train_file or sources.existing_file(processor, data_dir, "train")
    try:
        file = DataPath.of(path, config.encoding or DataPath.encoding)
        return word_split_for_training_file(file)
    except InputError:
        # A processor with its own way of reading needs no such file; otherwise, reading it fails.
        return "punctuation"
