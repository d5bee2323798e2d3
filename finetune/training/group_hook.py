"""A session hook with which all processes of a training run end after the same step."""

import signal
from typing import List

import tensorflow.compat.v1 as tf

from finetune.models import replicas
from finetune.models.model_fn import STOP_REQUEST, watched_in_graph
from finetune.training.step_plan import StepPlan
from finetune.util.signals import StopRequest

_VOTE, _VOTES = "vote", "finetune_votes"


def add_vote(strategy: tf.distribute.Strategy) -> None:
    """Adds a vote of all processes to the default graph: the sum of the numbers that they feed."""

    @tf.autograph.experimental.do_not_convert
    def build() -> tf.Tensor:
        return replicas.total(tf.placeholder_with_default(0.0, [], name=_VOTE))

    for votes in strategy.experimental_local_results(
        strategy.extended.call_for_each_replica(build)
    ):
        tf.add_to_collection(_VOTES, votes)


class GroupStopHook(tf.train.SessionRunHook):
    """Ends training in all processes, if a signal arrives in one or the chief stops early.

    The processes would otherwise wait for each other's gradients. A signal's number travels with
    the sums of each step. The chief stops early only after an evaluation, for which the others
    wait; all then vote.
    """

    def __init__(self, stop: StopRequest, plan: StepPlan):
        """Creates the hook. It comes after the one that evaluates.

        Args:
          stop: The signal that arrived in this process, if any.
          plan: Determines when an evaluation is due.
        """
        self._stop = stop
        self._plan = plan

    def begin(self) -> None:
        """Looks up the graph's tensors."""
        graph = tf.get_default_graph()
        self._request = graph.get_tensor_by_name(STOP_REQUEST + ":0")
        self._vote = graph.get_tensor_by_name(_VOTE + ":0")
        self._votes: List[tf.Tensor] = tf.get_collection(_VOTES)
        watched = watched_in_graph()
        self._watched = [watched.stop_requests, watched.ends_step]

    def after_create_session(self, session: tf.Session, coord: tf.train.Coordinator) -> None:
        """Finds the step where training starts or resumes."""
        self._step = int(session.run(tf.train.get_global_step()))

    def before_run(self, run_context: tf.train.SessionRunContext) -> tf.train.SessionRunArgs:
        """Sends this process's request, if a signal has arrived."""
        request = 1.0 if self._stop.signal else 0.0
        return tf.train.SessionRunArgs(self._watched, feed_dict={self._request: request})

    def after_run(
        self, run_context: tf.train.SessionRunContext, run_values: tf.train.SessionRunValues
    ) -> None:
        """Ends training if a process has asked for it."""
        requests, ends_step = run_values.results
        self._step += bool(ends_step)
        if requests > 0:
            # The signal came to another process, which ends, too.
            self._stop.signal = self._stop.signal or signal.SIGTERM
            run_context.request_stop()
        elif ends_step and self._plan.evaluates_at(self._step):
            vote = {self._vote: 1.0 if run_context.stop_requested else 0.0}
            if run_context.session.run(self._votes, vote)[0] > 0:
                run_context.request_stop()
