"""A new version replaces the old one without a failed request."""

import functools

import pytest

from finetune.serving.batching import Batcher
from finetune.serving.errors import RestError
from finetune.serving.served_model import AVAILABLE, END, ServedModel
from finetune.util.errors import InputError
from tests.serving.fakes import FakeModel, eventually
from tests.support.files import write


class Loader:
    """Loads a fake model from each folder, unless its record says that it is damaged."""

    def __init__(self):
        self.models = {}

    def __call__(self, folder):
        with open(f"{folder}/run.json", encoding="utf-8") as record:
            if record.read() == "damaged":
                raise InputError(f"{folder} is damaged.")
        return self.models.setdefault(folder[-1], FakeModel())


@pytest.fixture
def loader():
    return Loader()


@pytest.fixture
def served(tmp_path, loader):
    """A model with version 2."""
    for version in ("1", "2", "notes"):
        write(tmp_path / version / "run.json", "{}")
    make_batcher = functools.partial(
        Batcher, max_tokens=100, max_waiting=10, observe=lambda texts, tokens: None
    )
    model = ServedModel("mood", str(tmp_path), loader, make_batcher)
    yield model
    model.close()


def test_newest_version_is_served(served, loader):
    assert served.states() == {2: AVAILABLE}
    assert served.version(None) is served.version(2)
    with pytest.raises(RestError, match=r"Servable not found for request: Specific\(mood, 1\)"):
        served.version(1)
    assert loader.models.keys() == {"2"}
    assert loader.models["2"].batches == [["text "], ["text " * 12]]  # Made before any request


def test_new_version_is_served_when_its_folder_is_complete(served, loader, tmp_path, caplog):
    (tmp_path / "3").mkdir()
    served.update()
    served.update()  # Without a record, it is not a version yet.
    record = write(tmp_path / "3" / "run.json", "damaged")
    for _ in range(4):
        served.update()
    assert [r.getMessage().count("3 is damaged.") for r in caplog.records] == [1]
    write(record, "{}")
    served.update()  # Its files have just changed.
    assert served.states() == {2: AVAILABLE}
    served.update()
    assert served.states() == {3: AVAILABLE, 2: END}
    assert loader.models["2"].is_closed and not loader.models["3"].is_closed


def test_requests_to_the_old_version_are_answered(served, loader, tmp_path):
    old = loader.models["2"]
    old.gate.clear()
    running = served.submit(None, ["good"])
    eventually(lambda: ["good"] in old.batches)
    waiting = served.submit(None, ["x"])
    late = []

    class New(FakeModel):
        """Has loaded when the old one still has requests."""

        def predict(self, texts):
            if not late:
                late.append(served.submit(None, ["late"]))
                old.gate.set()
            return super().predict(texts)

    loader.models["3"] = New()
    write(tmp_path / "3" / "run.json", "{}")
    served.update()
    served.update()
    answers = [each.result(60)[0]["prediction"] for each in (running, waiting, *late)]
    assert answers == ["good", "bad", "bad"]
    assert served.submit(None, ["good"]).result(60)[0]["prediction"] == "good"
    assert "late" in old.batches[-1] and ["good"] in loader.models["3"].batches
