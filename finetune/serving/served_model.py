"""A model that the server serves: one version at a time, each with its queue."""

import logging
import threading
from typing import Any, Callable, Dict, List, Optional, Protocol, Sequence, Tuple

from finetune.serving import versions
from finetune.serving.batching import Answers, Batcher, Closed, Full
from finetune.serving.errors import RestError
from finetune.serving.signatures import Signatures
from finetune.util.errors import InputError

_log = logging.getLogger(__name__)

AVAILABLE, UNLOADING, END = "AVAILABLE", "UNLOADING", "END"


class Model(Protocol):
    """What the server needs of a `LoadedModel`."""

    labels: List[str]
    kind: str
    text_names: Tuple[str, ...]

    def predict(self, texts: Any) -> Any:
        """See `LoadedModel.predict`."""

    def close(self) -> None:
        """See `LoadedModel.close`."""


LoadModel = Callable[[str], Model]
MakeBatcher = Callable[[Callable[[List[Any]], List[Any]]], Batcher]


class Version:
    """A loaded version."""

    def __init__(self, number: int, model: Model, make_batcher: MakeBatcher):
        """Makes a version ready for requests.

        Raises:
          InputError: The model cannot predict.
        """
        self.number = number
        self.signatures = Signatures(model.kind, model.labels, model.text_names)
        self._model = model
        # The first predictions of texts of different lengths build the graph and a copy of it (see
        # `packed_weights`), for which no client should wait.
        for times in (1, 12):
            texts = [f"{name} " * times for name in model.text_names]
            model.predict([texts[0] if len(texts) == 1 else tuple(texts)])
        self._batcher = make_batcher(model.predict)

    @property
    def num_waiting(self) -> int:
        """The number of requests that wait."""
        return self._batcher.num_waiting

    def submit(self, texts: Sequence[Any]) -> Answers:
        """See `Batcher.submit`."""
        return self._batcher.submit(texts)

    def close(self) -> None:
        """Answers the requests that wait, and frees the memory."""
        self._batcher.close()
        self._model.close()


class ServedModel:
    """A model by name, whose newest version answers."""

    def __init__(self, name: str, folder: str, load: LoadModel, make_batcher: MakeBatcher):
        """Loads the newest version.

        Args:
          name: The name in the URLs.
          folder: See `versions.newest`.
          load: Loads an output directory.
          make_batcher: Makes the queue of a version.

        Raises:
          InputError: The folder contains no trained model.
        """
        self.name = name
        self._folder = folder
        self._load = load
        self._make_batcher = make_batcher
        self._lock = threading.Lock()
        self._states: Dict[int, str] = {}
        # The newest folder as it was when it was last seen, and when loading it was last tried.
        self._seen: Optional[versions.Seen] = None
        self._tried: Optional[versions.Seen] = None
        self.current = self._loaded(versions.newest(folder))
        self._states[self.current.number] = AVAILABLE

    def _loaded(self, found: versions.VersionFolder) -> Version:
        model = self._load(found.folder)
        try:
            return Version(found.version, model, self._make_batcher)
        except BaseException:
            model.close()
            raise

    def states(self) -> Dict[int, str]:
        """Returns the state of each version, newest first."""
        with self._lock:
            return dict(sorted(self._states.items(), reverse=True))

    def version(self, number: Optional[int]) -> Version:
        """Returns a version; the newest for None.

        Raises:
          RestError: It is not served.
        """
        current = self.current
        if number not in (None, current.number):
            wanted = f"Specific({self.name}, {number})"
            raise RestError(404, f"Servable not found for request: {wanted}")
        return current

    def submit(self, number: Optional[int], texts: Sequence[Any]) -> Answers:
        """Queues texts for a version; see `Batcher.submit`.

        Raises:
          RestError: The version is not served, or too many requests wait.
        """
        while True:
            try:
                return self.version(number).submit(texts)
            except Full:
                raise RestError(
                    429, f"Too many requests wait for the model {self.name}. Try again later."
                ) from None
            except Closed:  # A newer version took its place meanwhile.
                continue

    def update(self) -> None:
        """Loads a newer version if there is one, and serves it in place of the current one.

        A folder that is still being written is left for later: its files change, or it cannot be
        loaded. The current version answers in the meantime.
        """
        try:
            found = versions.newest(self._folder)
            if found.version <= self.current.number:
                return
            seen = (found.version, versions.fingerprint(found.folder))
            is_still, self._seen = seen == self._seen, seen
            if not is_still or seen == self._tried:
                return
            self._tried = seen
            new = self._loaded(found)
        except (InputError, OSError) as error:
            _log.warning("%s: no new version is loaded: %s", self.name, error)
            return
        self._replace(new)

    def _replace(self, new: Version) -> None:
        with self._lock:
            old, self.current = self.current, new
            self._states.update({old.number: UNLOADING, new.number: AVAILABLE})
        _log.info("%s: version %d replaces version %d.", self.name, new.number, old.number)
        old.close()
        with self._lock:
            self._states[old.number] = END

    def close(self) -> None:
        """Answers the requests that wait, and frees the memory."""
        self.current.close()
