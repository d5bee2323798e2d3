"""Train, evaluate and predict over `tf.estimator.Estimator`, whatever the task."""

import contextlib
import dataclasses
import json
import logging
import os
import shutil
import sys
from typing import Any, Callable, Dict, Iterable, Iterator, Optional, Tuple, Type

import numpy as np
import tensorflow.compat.v1 as tf

import tokenization
from finetune import (
    best_model,
    checkpoints,
    cross_validation,
    data_report,
    pretrained,
    report,
    run_record,
    run_setup,
    second_run,
    train_log,
    trials,
)
from finetune.best_model import Goal
from finetune.config import Config, UsageError
from finetune.data_set import DataSet, Fold
from finetune.files import atomic_text
from finetune.hooks import Diverged
from finetune.input_pipeline import (
    Rows,
    make_prediction_input_fn,
    make_training_input_fn,
)
from finetune.lock import Lock
from finetune.model_fns import NO_TRAINING, Training
from finetune.plan import plan_of, training_of
from finetune.progress import tracked
from finetune.row_order import in_input_order
from finetune.session import make_session_config, refuse_precision
from finetune.tasks import Task
from finetune.tf_errors import reason_of
from finetune.training import Trainer

_log = logging.getLogger(__name__)

# What TensorFlow says where a file of a checkpoint is cut off, altered or missing.
_DAMAGED = (tf.errors.OutOfRangeError, tf.errors.DataLossError, tf.errors.NotFoundError)


def run(config: Config, task_class: Type[Task]) -> None:
    """Does what a script's configuration asks for.

    Args:
      config: The configuration.
      task_class: What the script's task has of its own.

    Raises:
      ValueError: A flag, a file or the data is wrong; the message says where and what to do.
    """
    if config.num_folds:
        with _locked(config.output_dir):
            cross_validation.run(config, lambda config, fold: Run(config, task_class, fold).run())
        return
    if config.chooses:

        def run_trial(config: Config) -> Tuple[Dict[str, Any], Goal]:
            trial = Run(config, task_class, is_trial=True)
            return trial.run(), trial.goal()

        with _locked(config.output_dir):
            trials.run(config, run_trial)
        config = trials.without_training(config)
    Run(config, task_class).run()


@contextlib.contextmanager
def _locked(output_dir: str) -> Iterator[None]:
    """Makes the folder of several trainings, and keeps other runs out of it."""
    run_setup.refuse_unwritable(output_dir)
    with contextlib.closing(Lock(output_dir)) as lock:
        lock.take()
        yield


class Run:
    """One run of a script: configuration, model, data and their ways."""

    def __init__(
        self,
        config: Config,
        task_class: Type[Task],
        fold: Optional[Fold] = None,
        is_trial: bool = False,
    ):
        """Checks the configuration, and loads the model's vocabulary and configuration.

        Args:
          config: The configuration.
          task_class: What the script's task has of its own.
          fold: For one training of a cross-validation.
          is_trial: Whether it is one of several trainings, of which the dev file chooses the best.
        """
        self._chosen_by_dev = is_trial or bool(config.eval_every)
        self._output_dir = config.output_dir
        self._anew = config.do_train and config.overwrite_output_dir
        if not config.do_check:
            refuse_precision(config.use_bf16, config.use_fp16)
        if self._output_dir:
            run_setup.check_output_dir(config, self._anew)
        self._record, model_folder = run_setup.record_of(config, self._anew)
        run_setup.refuse_other_split(config, self._record)
        config = run_setup.with_settings(config, self._record, task_class)
        if self._record is None and not config.begins and not config.init_checkpoint:
            raise ValueError(run_setup.no_trained_model(self._output_dir))
        if config.train_file:
            config = config.filled_from({"task_name": task_class.default_name})
        self._processor = run_setup.make_processor(config.require("task_name"), task_class)
        if self._record is not None and not config.begins:
            self._record.refuse_other_head(config, task_class.other_script)
        config = dataclasses.replace(config, data_dir=run_setup.data_dir_of(config))
        config = task_class.with_defaults(config, self._processor, config.data_dir or "")
        self._config = config
        tokenization.FLAGS["preserve_unused_tokens"].value = config.preserve_unused_tokens
        self._model = pretrained.load(
            config.require("vocab_file"), config.require("bert_config_file"), config.do_lower_case
        )
        run_setup.check_size(config, self._model)
        if self._record is not None and not config.begins:
            self._record.refuse_other_model(self._model)
            self._record.remark_other_length(config)
        self._task = task_class(config, self._processor, self._model)
        self._data = DataSet(config, self._task, model_folder=model_folder, fold=fold)

    def run(self) -> Dict[str, Any]:
        """Reports, trains, evaluates and predicts, as far as each is asked for.

        Returns:
          The scores of the evaluation, if there was one.
        """
        if self._config.do_check:
            self._check()
            return {}
        lock = Lock(self._output_dir)
        try:
            lock.take()
            return self._run(lock)
        finally:
            lock.close()

    def _run(self, lock: Lock) -> Dict[str, Any]:
        config, task = self._config, self._task
        if config.do_train:
            record = run_record.make(config, self._model)
            second_run.refuse_changes(config, self._training_there, record)
        wanted = {"train": config.do_train, "dev": config.scores_dev, "test": config.do_predict}
        # All of them are read first, so that hours of training do not end at a missing file.
        splits = [split for split, asked in wanted.items() if asked]
        self._learn()
        if config.do_train:
            self.goal()
            task.refuse_wrong_weights()
        examples = {split: self._data.examples(split) for split in splits}
        features = {split: task.encode(split, rows) for split, rows in examples.items()}
        run_setup.refuse_unwritable(self._output_dir)
        lock.take()
        if config.do_train:
            chosen_by = examples["dev"] if self._chosen_by_dev else None
            record = record.with_data(
                labels=task.labels,
                facts=task.facts(),
                contents=task.contents(examples["train"]),
                dev_contents=None if chosen_by is None else task.contents(chosen_by),
            )
            about_data = data_report.make(task, self._data, examples, features, self._model)
            _log.info("%s", data_report.format_report(about_data))
            second_run.refuse_changes(config, self._training_there, record)
            if not self._anew and run_record.is_discarded(self._output_dir):
                _log.info("%s is trained and scored already", self._output_dir)
                return self._scores_there()
            trains = self._train(examples, features, record, about_data)
        scores: Dict[str, Any] = {}
        if config.do_eval:
            scores = self._evaluate(examples["dev"], features["dev"])
        elif config.do_train and trains:
            _log.info("Report: %s", report.write(self._output_dir, metrics=task.metrics))
        if config.do_predict:
            self._predict(examples["test"], features["test"])
        return scores

    def _evaluate(self, examples: Iterable[Any], features: Rows) -> Dict[str, Any]:
        task, batch_size = self._task, self._config.eval_batch_size
        outputs = list(self._outputs(features, batch_size, self._trained_checkpoint()))
        scores, text = task.score(examples, features, outputs)
        self._write_scores(scores, text)
        evidence = task.evidence(examples, features, outputs)
        path = report.write(
            self._output_dir, metrics=task.metrics, scores=scores, figures=text, evidence=evidence
        )
        _log.info("Report: %s", path)
        return scores

    def _predict(self, examples: Iterable[Any], features: Rows) -> None:
        config = self._config
        outputs = self._outputs(features, config.predict_batch_size, self._trained_checkpoint())
        written = self._task.write_predictions(self._output_dir, examples, features, outputs)
        _log.info("Wrote %d predictions to %s", len(features), " and ".join(written))
        if config.predict_file == "-":
            _copy_to_standard_output(written[-1])

    def _check(self) -> None:
        """Reports on all data that is there."""
        about_data = data_report.check(self._task, self._data, self._learn, self._model)
        sys.stdout.write(data_report.format_report(about_data))
        if self._output_dir:
            run_setup.refuse_unwritable(self._output_dir)
            data_report.write(about_data, self._output_dir)
        errors = data_report.errors(about_data)
        if errors:
            first = next(p["what"] for p in about_data["problems"] if p["severity"] == "error")
            raise ValueError(f"The data has {errors} error(s), the first: {first}")

    def _train(
        self,
        examples: Dict[str, Iterable[Any]],
        features: Dict[str, Rows],
        record: run_record.RunRecord,
        about_data: Dict[str, Any],
    ) -> bool:
        """Trains; returns whether there was something left to train."""
        config, task = self._config, self._task
        newest = None if self._anew else second_run.resumable(self._output_dir, self._record)
        start_step = checkpoints.step_of(newest) if newest else 0
        plan = plan_of(config, len(features["train"]))
        goal = self.goal()
        weights = task.class_weights(features["train"])
        if newest is None:
            self._begin(record)
            data_report.write(about_data, self._output_dir)
            self._data.write_split(self._output_dir)
        elif self._training_there.differences(record):
            if not self._training_there.evaluates_as(record):
                run_record.remove_best(self._output_dir)
                train_log.forget_evaluations(self._output_dir)
            run_record.save(record, self._output_dir, self._model)
        if newest is not None and checkpoints.is_final(newest):
            _log.info(
                "%s is trained already, %d steps. Nothing to train; --overwrite_output_dir=true "
                "trains anew.",
                self._output_dir,
                start_step,
            )
            checkpoints.finish_training(self._output_dir)  # Its last files, after a kill
            return False
        _log_start(newest, config, len(features["train"]), start_step, plan.num_train_steps)
        if weights is not None:
            named = zip(task.labels, weights)
            _log.info("Class weights: %s", ", ".join(f"{name} {w:.4g}" for name, w in named))

        def evaluate(checkpoint: str) -> Dict[str, Any]:
            outputs = self._outputs(features["dev"], config.eval_batch_size, checkpoint)
            return task.score(examples["dev"], features["dev"], outputs)[0]

        def train(hooks: Callable) -> None:
            input_fn = make_training_input_fn(
                features["train"],
                batch_size=config.rows_a_step,
                seed=config.seed,
                by_length=config.group_by_length,
                start_step=start_step,
                pad_to=self._pad_to,
                parts=config.gradient_accumulation_steps,
            )
            init_checkpoint = None if newest else config.init_checkpoint
            training = training_of(
                config,
                plan.num_train_steps,
                self._model.bert_config.num_hidden_layers,
                class_weights=weights,
                new_head=self._begins_from_other_labels(),
                hooks=hooks,
            )
            estimator = self._estimator(init_checkpoint, training)
            estimator.train(input_fn, max_steps=plan.num_train_steps)

        Trainer(config, plan, goal, evaluate).train(start_step, train)
        final = checkpoints.finish_training(self._output_dir)
        _log.info("Trained: %s", final)
        if best_model.is_there(self._output_dir):
            best = checkpoints.latest(best_model.folder_of(self._output_dir))
            _log.info("The best by %s: %s", goal.metric, best)
        return True

    @property
    def _training_there(self) -> Optional[run_record.RunRecord]:
        return None if self._anew else self._record

    def _scores_there(self) -> Dict[str, Any]:
        with open(os.path.join(self._output_dir, "eval_results.json"), encoding="utf-8") as reader:
            return json.load(reader)

    def goal(self) -> Goal:
        """Returns what makes a model the best, once the labels are known."""
        known = self._task.metrics
        metric = self._config.metric_for_best or known[0]
        if metric not in known:
            raise UsageError(f"--metric_for_best={metric}: expected one of {', '.join(known)}.")
        return Goal(metric)

    def _begin(self, record: run_record.RunRecord) -> None:
        """Makes the output directory that of this training, once it is sure that it can start."""
        if self._config.init_checkpoint:
            checkpoints.refuse_unfit(self._config.init_checkpoint, self._model.bert_config)
        run_record.refuse_foreign(self._output_dir)
        if self._anew:
            run_record.remove_outputs(self._output_dir)
        run_record.save(record, self._output_dir, self._model)

    def _write_scores(self, scores: Dict[str, Any], text: str) -> None:
        with atomic_text(os.path.join(self._output_dir, "eval_results.txt")) as writer:
            writer.write(text)
        with atomic_text(os.path.join(self._output_dir, "eval_results.json")) as writer:
            json.dump(scores, writer, indent=2, ensure_ascii=False)
        _log.info("***** Eval results *****\n%s", text)

    def _outputs(self, features: Rows, batch_size: int, checkpoint: str) -> Iterator[dict]:
        """Yields a trained model's predictions, many rows at a time, in the rows' order."""
        estimator = self._estimator(checkpoint)
        input_fn = make_prediction_input_fn(features, batch_size=batch_size, pad_to=self._pad_to)
        try:
            # Where the directory has a checkpoint, an Estimator takes the newest unless told.
            own = checkpoints.latest(self._output_dir) is not None
            outputs = estimator.predict(
                input_fn, yield_single_examples=False, checkpoint_path=checkpoint if own else None
            )
            outputs = tracked(
                outputs, "Predicting: ", total=len(features), size=lambda o: len(o[min(o)])
            )
            with contextlib.closing(outputs):
                for batches in in_input_order(outputs, features.lengths, batch_size):
                    _refuse_diverged(batches, checkpoint)
                    yield batches
        except _DAMAGED as error:
            raise ValueError(
                f"{checkpoint}: the checkpoint is damaged ({reason_of(error)}). Train anew, or "
                "copy it again."
            ) from error

    @property
    def _pad_to(self) -> Optional[int]:
        return self._config.max_seq_length if self._config.use_xla else None

    def _trained_checkpoint(self) -> str:
        """Returns the checkpoint to evaluate or predict with: there, or else --init_checkpoint."""
        there, given = checkpoints.latest(self._output_dir), self._config.init_checkpoint
        if there is None and not given:
            raise ValueError(run_setup.no_trained_model(self._output_dir))
        if there is not None and not checkpoints.is_final(there):
            raise ValueError(
                f"--output_dir={self._output_dir} holds a training that is not finished, at step "
                f"{checkpoints.step_of(there)}. The command that began it, given again, goes on."
            )
        if there is not None and given and not self._config.do_train:
            began_from = self._record.fingerprints.get("initial checkpoint") if self._record else ""
            known = {began_from, checkpoints.fingerprint(there)}
            if best_model.is_there(self._output_dir):
                best = checkpoints.latest(best_model.folder_of(self._output_dir))
                known.add(checkpoints.fingerprint(best))
            if checkpoints.fingerprint(given) not in known:
                raise ValueError(
                    f"--output_dir={self._output_dir} holds a trained model, and it did not begin "
                    f"from --init_checkpoint={given}. Leave one out: to use {given}, give another "
                    "--output_dir."
                )
        if there is not None and best_model.is_there(self._output_dir):
            there = checkpoints.latest(best_model.folder_of(self._output_dir))
            _log.info("Model: %s, the best of the training", there)
        else:
            _log.info("Model: %s", there or given)
        return there or given

    def _estimator(
        self, init_checkpoint: Optional[str], training: Training = NO_TRAINING
    ) -> tf.estimator.Estimator:
        config = self._config
        run_config = tf.estimator.RunConfig(
            model_dir=self._output_dir,
            tf_random_seed=config.seed,
            log_step_count_steps=None,
            save_summary_steps=None,
            session_config=make_session_config(config.use_xla, config.use_bf16, config.use_fp16),
        )
        model_fn = self._task.make_model_fn(init_checkpoint, training)
        return tf.estimator.Estimator(model_fn, config=run_config)

    def _begins_from_other_labels(self) -> bool:
        """Returns whether --init_checkpoint is a fine-tuned model whose labels are others."""
        folder = os.path.dirname(self._config.init_checkpoint or "")
        record = run_record.load(folder) if folder else None
        if record is None:
            return False
        # Models from before there were others have one label.
        was, now = (
            f.get("problem_type", "single_label") for f in (record.facts, self._task.facts())
        )
        return record.labels != self._task.labels or was != now

    def _learn(self) -> None:
        """Takes the labels from the trained model, or of the training to come."""
        trains = self._config.begins and self._data.is_there("train")
        if self._record is not None and not trains:
            self._task.recall(self._record.labels, self._record.facts)
            return
        # For a model without a record, labels that are listed need no training data.
        known = not self._config.begins and self._task.knows_labels
        self._task.learn([] if known else self._data.whole())


def _refuse_diverged(outputs: Dict[str, np.ndarray], checkpoint: str) -> None:
    for name, array in outputs.items():
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise Diverged(f"{checkpoint}: the model's {name} are not finite numbers")


def _copy_to_standard_output(path: str) -> None:
    with open(path, encoding="utf-8", newline="") as reader:
        # Whoever reads may stop before the end, such as `head`.
        with contextlib.suppress(BrokenPipeError):
            shutil.copyfileobj(reader, sys.stdout)
            sys.stdout.flush()


def _log_start(
    newest: Optional[str], config: Config, num_rows: int, start_step: int, num_train_steps: int
) -> None:
    if newest:
        _log.info("Going on from %s, step %d of %d", newest, start_step, num_train_steps)
    elif not config.init_checkpoint:
        _log.info("No --init_checkpoint: training from random weights, not from a pretrained model")
    if config.freeze_embeddings or config.freeze_layers:
        embeddings = "the embeddings, " if config.freeze_embeddings else ""
        _log.info("Frozen: %sthe lowest %d layers", embeddings, config.freeze_layers)
    parts = config.gradient_accumulation_steps
    _log.info(
        "Training on %d rows, %d steps of %s rows%s",
        num_rows,
        num_train_steps,
        f"{parts} × {config.train_batch_size}" if parts > 1 else config.train_batch_size,
        f", {num_train_steps - start_step} of them to go" if start_step else "",
    )
