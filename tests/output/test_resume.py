"""Whether a training run resumes if its output directory already contains one."""

import numpy as np
import pytest

from finetune.models import checkpoints
from finetune.output import resume
from finetune.output.run_record import RunRecord
from finetune.tasks.classification.config import ClassifierConfig
from finetune.util.errors import InputError
from tests.support.tensorflow_v1 import tf

OTHER = "Set a different --output_dir, or --overwrite_output_dir=true to discard that run"
DATA = {"training data": "1"}  # The fingerprints of a complete record


def record(**settings):
    return RunRecord(settings, ["a"], DATA, {})


def save_checkpoint(folder, name):
    checkpoints.write(str(folder / name), {"global_step": np.int64(7), "w": np.arange(3.0)})
    tf.train.update_checkpoint_state(str(folder), name, [name])
    return str(folder / name)


def check(folder, previous, now, **flags):
    """Returns the message if a training run is rejected, or None if it is accepted."""
    config = ClassifierConfig(do_train=True, output_dir=str(folder), **flags)
    try:
        resume.check_same_training(config, previous, now)
    except InputError as error:
        return str(error)
    return None


def warnings(caplog):
    return [line.getMessage() for line in caplog.records if line.name == resume.__name__]


def test_first_training_run_and_a_repeated_one_are_accepted(tmp_path):
    assert check(tmp_path, None, record(seed=3)) is None
    assert check(tmp_path, record(seed=3), record(seed=3)) is None


def test_changed_training_run_resumes_only_on_request(tmp_path, caplog):
    save_checkpoint(tmp_path, "train.ckpt-7")
    changed = (
        f"--output_dir={tmp_path} contains a different training run: seed was 3, now 5. {OTHER}"
    )
    assert check(tmp_path, record(seed=3), record(seed=5)) == (
        f"{changed}; --resume_with_changes=true resumes it anyway."
    )
    assert warnings(caplog) == []
    assert check(tmp_path, record(seed=3), record(seed=5), resume_with_changes=True) is None
    assert warnings(caplog) == ["Resuming with changes: seed was 3, now 5"]


def test_changes_are_not_logged_before_the_data_is_read(tmp_path, caplog):
    save_checkpoint(tmp_path, "train.ckpt-7")
    incomplete = RunRecord({"seed": 5}, [], {}, {})
    assert check(tmp_path, record(seed=3), incomplete, resume_with_changes=True) is None
    assert warnings(caplog) == []


def test_training_run_with_a_different_head_is_never_resumed(tmp_path):
    save_checkpoint(tmp_path, "train.ckpt-7")
    one, other = record(problem_type="regression"), record(problem_type="single_label")
    found = (
        f"--output_dir={tmp_path} contains a different training run: "
        "problem_type was 'regression', now 'single_label'"
    )
    assert check(tmp_path, one, other) == f"{found}. {OTHER}."
    assert check(tmp_path, one, other, resume_with_changes=True) == (
        f"{found}, so it cannot be resumed. {OTHER}."
    )


def test_finished_training_run_is_not_resumed_with_changes(tmp_path):
    final = save_checkpoint(tmp_path, "model.ckpt-7")
    found = f"--output_dir={tmp_path} contains a different training run: seed was 3, now 5"
    assert check(tmp_path, record(seed=3), record(seed=5)) == f"{found}. {OTHER}."
    assert check(tmp_path, record(seed=3), record(seed=5), resume_with_changes=True) == (
        f"{found}; that run is finished. To train its model further, set "
        f"--init_checkpoint={final} and a different --output_dir."
    )


def test_training_run_resumes_from_its_checkpoint(tmp_path):
    assert resume.checkpoint_to_resume(str(tmp_path), None) is None
    checkpoint = save_checkpoint(tmp_path, "train.ckpt-7")
    assert resume.checkpoint_to_resume(str(tmp_path), record()) == checkpoint


def test_checkpoint_without_a_record_is_rejected(tmp_path):
    save_checkpoint(tmp_path, "train.ckpt-7")
    with pytest.raises(InputError) as error:
        resume.checkpoint_to_resume(str(tmp_path), None)
    assert str(error.value) == (
        f"--output_dir={tmp_path} contains a different training run: it has no run.json. {OTHER}."
    )


def test_best_model_without_training_checkpoints_is_rejected(tmp_path):
    (tmp_path / "best").mkdir()
    save_checkpoint(tmp_path / "best", "model.ckpt-7")
    with pytest.raises(InputError) as error:
        resume.checkpoint_to_resume(str(tmp_path), record())
    assert str(error.value) == (
        f"{tmp_path / 'best'} exists, but the checkpoints of its training run are missing. {OTHER}."
    )
