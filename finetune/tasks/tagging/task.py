"""The task of taggers: a label for each word of a text, and the entities that the labels form."""

import dataclasses
import itertools
import os
from typing import (
    IO,
    Any,
    Callable,
    Collection,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Type,
)

import numpy as np

from finetune.data import sources
from finetune.data.processor import DataProcessor
from finetune.data.row_statistics import RowErrors
from finetune.data.rows import NO_LABEL
from finetune.models.model_fn import ModelFn, Training
from finetune.models.pretrained import Pretrained
from finetune.output import names as file_names
from finetune.tasks.mistakes import EvaluationDetails
from finetune.tasks.scores import Evaluation
from finetune.tasks.tagging import metrics, predictions
from finetune.tasks.tagging import tags as tags_lib
from finetune.tasks.tagging.annotation_tools import read_rows, write_for_tool
from finetune.tasks.tagging.config import NerConfig
from finetune.tasks.tagging.features import TaggingFeatures, encode_texts
from finetune.tasks.tagging.head import tagger_model_fn_builder
from finetune.tasks.tagging.mistakes import review_tags
from finetune.tasks.tagging.processor import NERProcessor, check_attributes
from finetune.tasks.tagging.readers import word_split_for_training_file
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.text_form import TextForm, learn_form
from finetune.tasks.task import Outputs, Processors, Resolved, Task, WriteRows, with_stride
from finetune.util.errors import InputError

_CRF_VARIABLES = r"^crf/"
_NOTHING_FOUND = (
    "The model has learnt next to nothing: no entity is predicted correctly. Try a different "
    "--learning_rate (smaller models need a higher one) or more --num_train_epochs."
)
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


class Tagging(Task[NerConfig, TaggedText, TaggingFeatures]):
    """The task of `run_ner.py`.

    Attributes:
      bare_text_split: How bare text is split into words.
      form: The form of the training texts.
    """

    script = "run_ner.py"
    config_class = NerConfig
    example_class = TaggedText
    kind = "entities"
    label_unit = "entities"
    reads_once = True  # Its processor checks all texts together, so they are in memory anyway.

    def __init__(
        self,
        config: NerConfig,
        processors: Processors,
        model: Pretrained,
        labels: Sequence[str],
        form: TextForm,
    ):
        """Creates a task.

        Args:
          config: The configuration.
          processors: The processors that read the data.
          model: The pretrained model.
          labels: The labels, in IOB2.
          form: The form of the training texts.
        """
        files, bare_text = (
            processor.with_options(
                learnt_split=form.word_split,
                known_types=frozenset(tags_lib.split_tag(label)[1] for label in labels[1::2]),
            )
            for processor in processors
            if isinstance(processor, NERProcessor)
        )
        super().__init__(config, Processors(files, bare_text), model, labels)
        self.bare_text_split = bare_text.bare_text_split
        self.form = form

    @classmethod
    def resolve(
        cls,
        config: NerConfig,
        processor: Type[DataProcessor],
        data_dir: str,
        remembered: Collection[str] = (),
    ) -> Resolved:
        del remembered
        if not issubclass(processor, NERProcessor):
            raise InputError(
                f"{processor.__name__}: its examples are TaggedTexts; expected a subclass of "
                "NERProcessor."
            )
        files = sources.make_processor(processor)
        check_attributes(files)
        config = with_stride(config.with_defaults())
        files = _configured(files, config, config.word_split)
        if files.word_split is None and config.learns_labels:
            files = files.with_options(word_split=_word_split(config, files, data_dir))
        config = config.filled_from({"word_split": files.word_split})
        bare_text = _configured(NERProcessor(), config, files.word_split)
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
        if listed is None:
            spans = (tags_lib.spans_of(text.gold_tags) for text in examples)
            types = {kind for found in spans for *_, kind in found}
        else:
            source = "--labels" if config.labels is not None else type(processors.files).__name__
            types = tags_lib.types_of_labels(listed, source)
        if not types:
            raise InputError(
                "The training data has no tag except O; expected words tagged B-… and I-…."
            )
        form = learn_form(list(examples))
        return cls(config, processors, model, tags_lib.label_list(types), form)

    @classmethod
    def restore(
        cls,
        config: NerConfig,
        processors: Processors,
        model: Pretrained,
        labels: Sequence[str],
        facts: Mapping[str, Any],
    ) -> "Tagging":
        return cls(config, processors, model, labels, TextForm.from_json(facts))

    def facts(self) -> Mapping[str, Any]:
        return self.form.to_json()

    def encode(
        self,
        split: str,
        examples: Iterable[TaggedText],
        errors: Optional[RowErrors] = None,
        is_chunk: bool = False,
    ) -> TaggingFeatures:
        del errors  # Tags depend on one another, so the first error ends the check of a split.
        return encode_texts(
            list(examples),
            what="" if is_chunk else f"Reading {split}: ",
            may_fork=not is_chunk,
            labels=None if split == "test" else self.labels,
            max_seq_length=self.max_seq_length,
            doc_stride=self.config.require("doc_stride"),
            tokenizer=self.model.tokenizer,
            by_sentence=split != "train" and self.form.is_sentence,
        )

    def label_counts(
        self, examples: Iterable[TaggedText], features: TaggingFeatures
    ) -> Mapping[str, float]:
        del features
        kinds = (tags_lib.split_tag(label)[1] for label in self.labels if label != "O")
        counts = dict.fromkeys(kinds, 0)
        for text in examples:
            for *_, kind in tags_lib.spans_of(text.tags or ()):
                counts[kind] = counts.get(kind, 0) + 1
        return counts

    def label_id_counts(self, features: TaggingFeatures) -> Sequence[int]:
        known = features.label_ids[features.label_ids != NO_LABEL]
        return np.bincount(known, minlength=len(self.labels)).tolist()

    def make_model_fn(self, init_checkpoint: Optional[str], training: Training) -> ModelFn:
        use_crf = bool(self.config.use_crf)
        factors = training.learning_rate_factors
        if use_crf:  # The first pattern that matches a variable wins.
            crf_factor = self.config.require("crf_learning_rate_factor")
            factors = {_CRF_VARIABLES: crf_factor, **factors}
        return tagger_model_fn_builder(
            bert_config=training.adjusted(self.model.bert_config),
            labels=self.labels,
            head=self.config.require("ner_head"),
            use_crf=use_crf,
            init_checkpoint=init_checkpoint,
            training=dataclasses.replace(training, learning_rate_factors=factors),
            padding_free=not self.config.computes_padding,
        )

    @property
    def metrics(self) -> Sequence[str]:
        return _METRICS

    def score(
        self, examples: Iterable[TaggedText], features: TaggingFeatures, outputs: Outputs
    ) -> Evaluation:
        outputs = list(outputs)
        answers = self._predicted_tags(examples, features, outputs)
        nll = sum(float(batch["negative_log_likelihood"].sum()) for batch in outputs)
        scores = metrics.entity_scores(
            [text.gold_tags for text in examples],
            [tags for tags, _ in answers],
            loss=nll / len(features.label_ids),
        )
        warning = _NOTHING_FOUND if scores["types"] and not scores["f1"] else None
        return Evaluation(scores, metrics.format_entity_scores(scores), warning)

    def with_gold(
        self, examples: Iterable[TaggedText], features: TaggingFeatures
    ) -> Optional[TaggingFeatures]:
        del features
        texts = list(examples)
        is_gold = all(text.tags is not None for text in texts)
        if not is_gold or not any(tags_lib.spans_of(text.gold_tags) for text in texts):
            return None  # If all tags are O, they are placeholders.
        try:
            return self.encode("dev", texts, is_chunk=True)
        except InputError:  # A tag is not one of the model's.
            return None

    def details(
        self, examples: Iterable[TaggedText], features: TaggingFeatures, outputs: Outputs
    ) -> EvaluationDetails:
        return review_tags(examples, self._predicted_tags(examples, features, outputs))

    @property
    def prediction_files(self) -> Sequence[str]:
        return [file_names.PREDICTIONS_CONLL, file_names.PREDICTIONS_JSONL]

    def prediction_writer(self, writers: Sequence[IO[str]]) -> WriteRows:
        conll, jsonl = writers
        files: Optional[predictions.TaggingFiles] = None

        def write(
            examples: Iterable[TaggedText], features: TaggingFeatures, outputs: Outputs
        ) -> int:
            nonlocal files
            if files is None:
                with_gold = all(text.tags is not None for text in examples)
                files = predictions.TaggingFiles(conll, jsonl, with_gold)
            return files.write(examples, self._predicted_tags(examples, features, outputs))

        return write

    def example_of(self, guid: str, given: object) -> TaggedText:
        if isinstance(given, str):
            return TaggedText.from_spans(guid, given, None, None, self.bare_text_split)
        if isinstance(given, (tuple, list)) and all(isinstance(word, str) for word in given):
            return TaggedText.from_words(guid, given)
        raise InputError(f"{guid}: found {given!r:.80}; expected a text, or a list of words.")

    def predictions(
        self, examples: Iterable[TaggedText], features: TaggingFeatures, outputs: Outputs
    ) -> Iterator[Mapping[str, Any]]:
        answers = self._predicted_tags(examples, features, outputs)
        for text, (tags, probabilities) in zip(examples, answers):
            yield predictions.prediction(text, tags, probabilities)

    def write_derived(self, output_dir: str) -> List[str]:
        tool = self.config.annotation_tool
        if tool is None:
            return []
        rows = read_rows(os.path.join(output_dir, file_names.PREDICTIONS_JSONL))
        path = os.path.join(output_dir, file_names.PREDICTIONS_FOR_TOOL[tool])
        write_for_tool(tool, path, rows)
        return [path]

    def _predicted_tags(
        self, examples: Iterable[TaggedText], features: TaggingFeatures, outputs: Outputs
    ) -> Iterator[Tuple[List[str], List[float]]]:
        """Yields each text's predicted tags and their probabilities."""
        words = _words_of(features, outputs)
        for text in examples:
            answers = list(itertools.islice(words, len(text.words)))
            tags = [self.labels[label_id] for label_id, _ in answers]
            # Windows are decoded separately, so where two meet, an I- tag may continue no entity.
            yield tags_lib.to_iob2(tags), [probability for _, probability in answers]


def _words_of(features: TaggingFeatures, outputs: Outputs) -> Iterator[Tuple[int, float]]:
    """Yields the label id and probability of each word, in the order of the texts."""
    counts = iter(np.diff(features.word_starts))
    for batch in outputs:
        for label_ids, probabilities, count in zip(
            batch["label_ids"], batch["probabilities"], counts
        ):
            yield from zip(label_ids[:count].tolist(), probabilities[:count].tolist())


def _configured(
    processor: NERProcessor, config: NerConfig, word_split: Optional[str]
) -> NERProcessor:
    return processor.with_options(
        data_form=config.data_form,
        word_column=config.word_column,
        tag_column=config.tag_column,
        word_split=word_split,
        tag_scheme=config.tag_scheme,
        overlaps=config.overlaps,
        labels=config.labels,
    )


def _word_split(config: NerConfig, processor: NERProcessor, data_dir: str) -> Optional[str]:
    """Returns how texts.txt is split into words, if that is the training file."""
    path = config.train_file or sources.existing_file(processor, data_dir, "train")
    try:
        file = config.data_file(path)
        return word_split_for_training_file(file)
    except InputError:
        # A processor that reads in its own way needs no such file; otherwise, reading fails later.
        return None
