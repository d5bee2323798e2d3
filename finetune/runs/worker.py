"""The part of a process that is not the chief: it only trains, and writes no files."""

import logging
import os
import tempfile
import time

from finetune.config.config import Config
from finetune.output import remote, run_record
from finetune.runs.identity import identity_of
from finetune.runs.prepare import prepare
from finetune.runs.resolve import ProcessorClasses, Run, resolve
from finetune.runs.start import Start, make_training
from finetune.training import distribution
from finetune.training.cluster import Cluster
from finetune.training.group_hook import GroupStopHook
from finetune.training.step_plan import make_step_plan
from finetune.util import signals
from finetune.util.errors import InputError
from finetune.util.paths import is_remote

_log = logging.getLogger(__name__)

_FILE_PATIENCE = 60.0  # Seconds until a file of the chief must be visible in a shared folder


def run_worker(
    config: Config,
    task_class: type,
    processor_classes: ProcessorClasses,
    cluster: Cluster,
) -> None:
    """Trains together with the chief, which evaluates, predicts and writes all files.

    Args:
      config: The command's flags.
      task_class: The script's task.
      processor_classes: The data set classes, by task name.
      cluster: The processes.

    Raises:
      InputError: A flag, a file or the data is wrong, or is not that of the chief.
      Interrupted: A signal arrived in a process.
    """
    if not config.do_train:
        _log.info(
            "%s has nothing to do: only %s evaluates and predicts", cluster.own, cluster.chief
        )
        return
    # What the output directory contains concerns only the chief, which may be changing it.
    with tempfile.TemporaryDirectory() as folder:
        private = config.with_values({"output_dir": folder})
        _train(resolve(private, task_class, processor_classes), config.output_dir, cluster)


def _train(run: Run, output_dir: str, cluster: Cluster) -> None:
    data = prepare(run, only_train=True)
    num_rows = len(data.features["train"])
    run = run.with_size_defaults(num_rows)
    plan = make_step_plan(run.config, num_rows)
    devices = distribution.find_devices(run.config, cluster)
    assert devices is not None and devices.group is not None
    group = devices.group
    contents = (example.content for example in data.examples["train"])
    record = run_record.make(run.config, run.model).with_data(
        labels=data.task.labels, facts=data.task.facts(), contents=contents
    )
    with group:
        group.ask(identity_of(run, data.task, record, devices))
        has_work, checkpoint = group.await_start()
        if not has_work:
            _log.info("%s has nothing to train", cluster.chief)
            return
        start = Start(_shared(output_dir, checkpoint) if checkpoint else None)
        distribution.log_devices(run.config, devices)
        training = make_training(run, data, start, plan, devices)
        with signals.deferred() as stop:
            hooks = [GroupStopHook(stop, plan)]
            training.estimator.train(training.input_fn, hooks=hooks, max_steps=plan.num_train_steps)
        if stop.signal:
            raise signals.Interrupted(stop.signal, "The same commands resume training.")
    _log.info("Training has finished; %s writes the results", cluster.chief)


def _shared(output_dir: str, checkpoint: str) -> str:
    """Returns the path of a checkpoint that the chief has named."""
    exists = remote.exists if is_remote(output_dir) else _exists
    give_up_at = time.monotonic() + _FILE_PATIENCE  # Network file systems show files late.
    while not exists(output_dir, checkpoint + ".index"):
        if time.monotonic() > give_up_at:
            raise InputError(
                f"--output_dir={output_dir} does not contain {checkpoint}, from which the chief "
                "resumes. It must be a folder that all processes share."
            )
        time.sleep(0.5)
    return os.path.join(output_dir, checkpoint)


def _exists(folder: str, path: str) -> bool:
    return os.path.exists(os.path.join(folder, path))
