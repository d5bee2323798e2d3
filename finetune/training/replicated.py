"""Train one model on several devices with `tf.distribute`."""

import contextlib
import os
from typing import Callable, Iterator, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf
from tensorflow.python.training.training_util import GLOBAL_STEP_READ_KEY

from finetune.models.model_fn import FeatureTensors, ModelFn, make_scaffold
from finetune.training.distribution import Devices
from finetune.training.group_hook import add_vote


class ReplicatedTraining:
    """Trains like `tf.estimator.Estimator`, with a replica of the model on each device.

    Each replica computes the gradients of its share of a batch. Every replica then updates its
    weights with the sum over all replicas, so that the weights stay equal.
    """

    def __init__(
        self,
        model_fn: ModelFn,
        devices: Devices,
        *,
        seed: int,
        session_config: tf.ConfigProto,
        checkpoint: Optional[str],
    ):
        """Creates a training run.

        Args:
          model_fn: The `model_fn` of a task; see `make_model_fn`.
          devices: The devices.
          seed: The seed of new weights and dropout.
          session_config: The settings of the session, unless there are several processes.
          checkpoint: The checkpoint to resume from; None to start at step 0.
        """
        self._model_fn = model_fn
        self._devices = devices
        self._seed = seed
        self._session_config = session_config
        self._checkpoint = checkpoint

    def train(
        self,
        input_fn: Callable[[], tf.data.Dataset],
        hooks: Sequence[tf.train.SessionRunHook],
        max_steps: int,
    ) -> None:
        """Trains up to a step, or until a hook ends training.

        Args:
          input_fn: Returns a Dataset of tuples, with the features of each replica of this process.
          hooks: The session hooks.
          max_steps: The number of the last step.
        """
        group, strategy = self._devices.group, self._devices.strategy
        if group and group.cluster.is_chief:
            group.start(os.path.basename(self._checkpoint) if self._checkpoint else None)
        with tf.Graph().as_default(), self._lost_peers_explained():
            with strategy.scope():
                tf.set_random_seed(self._seed)
                step = tf.train.create_global_step()
                # Hooks use this, as in an Estimator. The op that TensorFlow would make for them
                # reads the initial value, too, for which a process waits for the others.
                tf.add_to_collection(GLOBAL_STEP_READ_KEY, strategy.extended.read_var(step))
                train_op = self._build(self._next_features(input_fn))
                (saver,) = tf.get_collection(tf.GraphKeys.SAVERS)  # The `model_fn` makes it.
                scaffold = make_scaffold(saver, is_alone=True)
                if group:
                    add_vote(strategy)
            # The session is outside of the scope, because hooks evaluate on one device. Unlike
            # other sessions, it does not try to recover from the loss of a device or process.
            with tf.train.SingularMonitoredSession(
                hooks=[*hooks, tf.train.StopAtStepHook(last_step=max_steps)],
                scaffold=scaffold,
                master=group.target if group else "",
                config=group.session_config if group else self._session_config,
                checkpoint_filename_with_path=self._checkpoint,
            ) as session:
                while not session.should_stop():
                    session.run(train_op)
        if group:
            group.finish()

    @contextlib.contextmanager
    def _lost_peers_explained(self) -> Iterator[None]:
        """Turns errors of TensorFlow into `PeerLost` if another process is gone."""
        try:
            yield
        except tf.errors.OpError as error:
            if self._devices.group is None:
                raise
            raise self._devices.group.explained(error) from error

    def _next_features(self, input_fn: Callable[[], tf.data.Dataset]) -> Tuple[FeatureTensors, ...]:
        """Returns the features of each replica of this process."""
        with tf.device("/cpu:0"):
            iterator = tf.data.make_initializable_iterator(input_fn())
            # The session runs the ops of this collection when it starts.
            tf.add_to_collection(tf.GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
            return iterator.get_next()

    def _build(self, features: Tuple[FeatureTensors, ...]) -> tf.Operation:
        """Builds every replica; returns the op that trains all of them for one element."""
        strategy, first = self._devices.strategy, self._devices.share.first

        @tf.autograph.experimental.do_not_convert
        def build_replica() -> tf.Operation:
            context = tf.distribute.get_replica_context()
            replica = int(tf.get_static_value(context.replica_id_in_sync_group))
            mode = tf.estimator.ModeKeys.TRAIN
            return self._model_fn(features[replica - first], None, mode, None).train_op

        return strategy.group(strategy.extended.call_for_each_replica(build_replica))
