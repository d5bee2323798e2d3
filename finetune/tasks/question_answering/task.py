"""The task of answering questions: the span of a context that answers a question."""

import logging
import math
from typing import (
    IO,
    Any,
    Callable,
    Collection,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypedDict,
)

from finetune.data import sources
from finetune.data.data_path import stream_of
from finetune.data.observations import Observation
from finetune.data.processor import DataProcessor
from finetune.data.row_statistics import RowErrors
from finetune.models.model_fn import ModelFn, Training
from finetune.models.pretrained import Pretrained
from finetune.output import names as file_names
from finetune.tasks.mistakes import EvaluationDetails
from finetune.tasks.question_answering.config import QaConfig
from finetune.tasks.question_answering.decoding import Candidates, decode
from finetune.tasks.question_answering.features import (
    Cut,
    QuestionFeatures,
    encode_questions,
    with_labels,
)
from finetune.tasks.question_answering.given_answers import score_file
from finetune.tasks.question_answering.head import answer_model_fn_builder
from finetune.tasks.question_answering.metrics import (
    Golds,
    NoAnswer,
    log_rules,
    make_normalizer,
    score_answers,
    tuned_threshold,
)
from finetune.tasks.question_answering.mistakes import review_answers
from finetune.tasks.question_answering.observations import observe
from finetune.tasks.question_answering.predictions import AnswerFiles, prediction
from finetune.tasks.question_answering.processor import QuestionAnsweringProcessor
from finetune.tasks.question_answering.question import Question, are_answered
from finetune.tasks.question_answering.readers import checked_text
from finetune.tasks.scores import AnswerScores, Evaluation, format_figures
from finetune.tasks.task import Outputs, Processors, Resolved, Task, WriteRows
from finetune.util.errors import InputError

_log = logging.getLogger(__name__)


class QaFacts(TypedDict, total=False):
    """The facts that are kept with a model.

    `allows_no_answer` says whether a question may have no answer, `null_score_diff_threshold` the
    threshold for it: that of the training command, or the one that an evaluation found best.
    """

    allows_no_answer: bool
    null_score_diff_threshold: float


class _Answers(NamedTuple):
    """Gold and best answers, and the odds of no answer; all by question id."""

    golds: Golds
    texts: Mapping[str, str]
    odds: Mapping[str, float]


class QuestionAnswering(Task[QaConfig, Question, QuestionFeatures]):
    """The task of `run_squad.py`."""

    script = "run_squad.py"
    config_class = QaConfig
    example_class = Question
    kind = "answers"
    text_names = ("question", "context")
    facts_class = QaFacts

    # See `QaFacts`.
    allows_no_answer: bool = False
    kept_threshold: Optional[float] = None
    _files: AnswerFiles  # Those that `prediction_writer` writes

    @classmethod
    def needs_no_model(cls, config: QaConfig) -> bool:
        return bool(config.predictions_file)

    @classmethod
    def score_given(cls, config: QaConfig, processor: Type[DataProcessor]) -> Evaluation:
        return score_file(config, processor)

    @classmethod
    def resolve(
        cls,
        config: QaConfig,
        processor: Type[DataProcessor],
        data_dir: str,
        remembered: Collection[str] = (),
    ) -> Resolved:
        del data_dir, remembered
        if not issubclass(processor, QuestionAnsweringProcessor):
            raise InputError(
                f"{processor.__name__}: its examples are Questions; expected a subclass of "
                "QuestionAnsweringProcessor."
            )
        if config.context_file and sources.is_missing(config.context_file):
            raise InputError(f"--context_file={config.context_file}: no such file.")
        config = config.with_room_for_context()
        config = config.filled_from({"max_answer_length": config.value_of("max_answer_length")})
        log_rules(config.answer_language)
        files = sources.make_processor(processor).with_question(config.question)
        bare_text = QuestionAnsweringProcessor().with_question(config.question)
        return Resolved(config, Processors(files, bare_text))

    @classmethod
    def model_texts(cls, config: QaConfig, example: Question) -> List[str]:
        # Only the context: --split and --num_folds keep all questions about it in one part.
        del config
        return [example.context]

    @classmethod
    def stratum_of(cls, config: QaConfig) -> Callable[[Question], str]:
        del config
        return lambda question: "answer" if question.answers else "no answer"

    @classmethod
    def learn(
        cls,
        config: QaConfig,
        processors: Processors,
        model: Pretrained,
        examples: Iterable[Question],
    ) -> "QuestionAnswering":
        task = cls(config, processors, model, [])
        unanswerable = next((q for q in examples if not q.answers), None)
        if unanswerable is not None and config.version_2_with_negative is False:
            raise InputError(
                f"{unanswerable.place}: the question has no answer, but "
                "--version_2_with_negative=false says that all questions have one."
            )
        task.allows_no_answer = bool(config.version_2_with_negative) or unanswerable is not None
        task.recall({})
        task._warn_of_unused_threshold()
        return task

    @classmethod
    def restore(
        cls,
        config: QaConfig,
        processors: Processors,
        model: Pretrained,
        labels: Sequence[str],
        facts: Mapping[str, Any],
    ) -> "QuestionAnswering":
        task = cls(config, processors, model, labels)
        given = config.version_2_with_negative
        task.allows_no_answer = bool(facts.get("allows_no_answer")) if given is None else given
        task.recall(facts)
        task._warn_of_unused_threshold()
        return task

    def _warn_of_unused_threshold(self) -> None:
        threshold = self.config.null_score_diff_threshold
        if threshold is not None and not self.allows_no_answer:
            _log.warning(
                "--null_score_diff_threshold=%g has no effect, because the model always gives an "
                "answer. To allow no answer, set --version_2_with_negative=true.",
                threshold,
            )

    def facts(self) -> QaFacts:
        facts = QaFacts(allows_no_answer=self.allows_no_answer)
        if self.kept_threshold is not None:
            facts["null_score_diff_threshold"] = self.kept_threshold
        return facts

    def recall(self, facts: Mapping[str, Any]) -> None:
        name = "null_score_diff_threshold"
        given = self.config.null_score_diff_threshold if self.config.do_train else None
        self.kept_threshold = facts.get(name) if given is None else given

    def encode(
        self,
        split: str,
        examples: Iterable[Question],
        errors: Optional[RowErrors] = None,
        is_chunk: bool = False,
    ) -> QuestionFeatures:
        del errors  # Answers are checked when they are read.
        config = self.config
        cut = Cut(
            max_seq_length=self.max_seq_length,
            max_query_length=config.require("max_query_length"),
            doc_stride=config.require("doc_stride"),
        )
        return encode_questions(
            list(examples),
            tokenizer=self.model.tokenizer,
            cut=cut,
            with_answers=split != "test",
            answers=config.require("answers"),
            windows_without_answer=(
                config.require("windows_without_answer") if split == "train" else "no_answer"
            ),
            what="" if is_chunk else f"Reading {split}: ",
        )

    @property
    def conflict(self) -> Tuple[str, str, str]:
        rest = "different answers: the same question about the same context occurs more than once"
        return "question", "questions", rest

    def label_counts(
        self, examples: Iterable[Question], features: QuestionFeatures
    ) -> Mapping[str, float]:
        del features
        known = [question for question in examples if question.answers is not None]
        unanswerable = sum(not question.answers for question in known)
        return {"answer": len(known) - unanswerable, "no answer": unanswerable} if known else {}

    def observations(
        self,
        split: str,
        examples: Iterable[Question],
        features: QuestionFeatures,
        train: Optional[QuestionFeatures],
    ) -> List[Observation]:
        return observe(split, examples, features, train, self.max_seq_length)

    def label_id_counts(self, features: QuestionFeatures) -> Sequence[int]:
        del features
        return []

    def make_model_fn(self, init_checkpoint: Optional[str], training: Training) -> ModelFn:
        return answer_model_fn_builder(
            bert_config=training.adjusted(self.model.bert_config),
            init_checkpoint=init_checkpoint,
            training=training,
            padding_free=not self.config.computes_padding,
        )

    @property
    def metrics(self) -> Sequence[str]:
        return ("f1", "exact", "loss")

    def score(
        self, examples: Iterable[Question], features: QuestionFeatures, outputs: Outputs
    ) -> Evaluation:
        outputs = list(outputs)
        answers = self._answers(examples, features, outputs)
        threshold = self._threshold()
        if self.allows_no_answer and threshold is None:
            # During training, each evaluation finds one, as the last will. Later, only `tune` does.
            threshold = self._tuned(answers) if self.config.do_train else 0.0
        scores = self._scores(answers, threshold)
        nll = sum(float(batch["negative_log_likelihood"].sum()) for batch in outputs)
        scores["loss"] = nll / len(features)
        return Evaluation(scores, "\n".join(format_figures(scores)) + "\n")

    def with_gold(
        self, examples: Iterable[Question], features: QuestionFeatures
    ) -> Optional[QuestionFeatures]:
        questions = list(examples)
        if not are_answered(questions):
            return None
        if self._threshold() is None:
            self.kept_threshold = 0.0  # The predictions are scored as they are written.
        try:
            return with_labels(features, questions)
        except InputError:  # An answer has no wordpieces.
            return None

    def tune(
        self, examples: Iterable[Question], features: QuestionFeatures, outputs: Outputs
    ) -> bool:
        answers = self._answers(examples, features, outputs)
        is_given = self.config.null_score_diff_threshold is not None
        if is_given or not self.allows_no_answer or all(answers.golds.values()):
            return False
        self.kept_threshold = self._tuned(answers)
        return True

    def _answers(
        self, examples: Iterable[Question], features: QuestionFeatures, outputs: Outputs
    ) -> _Answers:
        questions = list(examples)
        found = list(self._candidates(questions, features, outputs))
        return _Answers(
            golds={q.guid: [answer.text for answer in q.gold] for q in questions},
            texts={q.guid: each.text for q, each in zip(questions, found)},
            odds={q.guid: each.null_odds for q, each in zip(questions, found)},
        )

    def _scores(self, answers: _Answers, threshold: Optional[float]) -> AnswerScores:
        no_answer = None
        if self.allows_no_answer and threshold is not None:
            no_answer = NoAnswer(answers.odds, threshold)
        language = self.config.answer_language
        scores = score_answers(answers.golds, answers.texts, language=language, no_answer=no_answer)
        if no_answer is not None:
            scores["null_score_diff_threshold"] = no_answer.threshold
        return scores

    def _tuned(self, answers: _Answers) -> float:
        """Returns the threshold with the best F1; 0 if all questions have an answer."""
        if all(answers.golds.values()):
            return 0.0
        return tuned_threshold(self._scores(answers, 0.0), list(answers.odds.values()))

    def _threshold(self) -> Optional[float]:
        given = self.config.null_score_diff_threshold
        return self.kept_threshold if given is None else given

    def answer_threshold(self) -> float:
        """Returns the odds of no answer above which a question has none."""
        return (self._threshold() or 0.0) if self.allows_no_answer else math.inf

    def details(
        self, examples: Iterable[Question], features: QuestionFeatures, outputs: Outputs
    ) -> EvaluationDetails:
        found = self._candidates(examples, features, outputs)
        threshold = self.answer_threshold()
        return review_answers(
            examples,
            (each.choose(threshold) for each in found),
            make_normalizer(self.config.answer_language),
        )

    @property
    def prediction_files(self) -> Sequence[str]:
        return [file_names.PREDICTIONS_JSONL]

    def prediction_writer(self, writers: Sequence[IO[str]]) -> WriteRows:
        (rows,) = writers
        files = AnswerFiles(
            rows,
            allows_no_answer=self.allows_no_answer,
            threshold=self.answer_threshold(),
            for_google=stream_of(self.config.predict_file or "") is None,
        )
        self._files = files

        def write(
            examples: Iterable[Question], features: QuestionFeatures, outputs: Outputs
        ) -> int:
            return files.write(examples, self._candidates(examples, features, outputs))

        return write

    def write_derived(self, output_dir: str) -> List[str]:
        return self._files.write_google(output_dir)

    def example_of(self, guid: str, given: object) -> Question:
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise InputError(f"{guid}: found {given!r:.80}; expected a question and its context.")
        question, context = map(checked_text, given, [guid] * 2, ["question", "context"])
        return Question(guid, question, context)

    def predictions(
        self, examples: Iterable[Question], features: QuestionFeatures, outputs: Outputs
    ) -> Iterator[Mapping[str, Any]]:
        threshold = self.answer_threshold()
        for question, found in zip(examples, self._candidates(examples, features, outputs)):
            yield prediction(question, found.choose(threshold), found)

    def _candidates(
        self, questions: Iterable[Question], features: QuestionFeatures, outputs: Outputs
    ) -> Iterator[Candidates]:
        return decode(
            questions,
            features,
            outputs,
            n_best_size=self.config.n_best_size,
            max_answer_length=self.config.require("max_answer_length"),
        )
