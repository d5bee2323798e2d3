# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""BERT's optimizer: Adam with decoupled weight decay, a warm-up-and-decay learning rate, clipping.

Names and signatures follow Google's `optimization.py` (PyPI `bert-tensorflow` 1.0.4). Unlike
Google's, the optimizer is a `tf.train.Optimizer` in full: it makes slots, takes ref and resource
variables, works under `tf.distribute`, and `apply_gradients` itself advances `global_step`.
"""

import collections
import math
import re

import tensorflow.compat.v1 as tf

# Gradients are scaled down to this global norm at the most (Google's `optimization.py`).
CLIP_NORM = 1.0
WEIGHT_DECAY = 0.01
SCHEDULES = ("linear", "cosine", "constant")


class Accumulation(collections.namedtuple("Accumulation", ["weight", "is_last"])):
    """What makes one update of several batches the update of one large batch.

    Attributes:
      weight: float scalar Tensor. What the batch's loss, then a sum, counts for in the mean, such
        as its number of rows.
      is_last: bool scalar Tensor. Whether the update comes after this batch.
    """


def create_optimizer(
    loss,
    init_lr,
    num_train_steps,
    num_warmup_steps,
    use_tpu=False,
    bias_correction=False,
    learning_rate_factors=None,
    scale_loss=False,
    weight_decay=WEIGHT_DECAY,
    clip_norm=CLIP_NORM,
    schedule="linear",
    frozen=(),
    accumulation=None,
):
    """Makes the op of one training step.

    The graph has two tensors for who wants to watch: `learning_rate`, and `gradient_norm`, that of
    the whole gradient before it is clipped.

    Args:
      loss: float scalar Tensor, a mean over this replica's batch; with `accumulation`, a sum.
      init_lr: float. Peak learning rate.
      num_train_steps: int. The step, counted from 1, whose learning rate is zero.
      num_warmup_steps: int. Steps in which the rate rises; 0 or None for none.
      use_tpu: bool. Must be false; kept for the signature.
      bias_correction: bool. Correct Adam's moments for their start at zero, which BERT's does not.
      learning_rate_factors: dict, regular expression to float: variables whose name it matches
        anywhere have the learning rate times this; the first that matches counts.
      scale_loss: bool. For gradients in float16, which small ones would not survive: those of the
        loss times a scale are computed, and divided by it. A step whose gradients are not finite
        leaves the variables alone and halves the scale (Micikevicius et al. 2017,
        https://arxiv.org/abs/1710.03740, section 3.2).
      weight_decay: float. Decay rate of what is neither a bias nor a LayerNorm's.
      clip_norm: float. Global norm that gradients are scaled down to; 0 for any.
      schedule: string. What becomes of the rate after its peak: one of `SCHEDULES`.
      frozen: list of regular expressions; variables whose name one of them matches anywhere are
        not trained.
      accumulation: `Accumulation`, where an update is of several batches; None: of each.

    Returns:
      Operation that updates the trainable variables and adds 1 to `global_step`. With
      `accumulation`, it does both after the last batch alone; before that, it adds gradients up in
      local variables.

    Raises:
      ValueError: `use_tpu` is true, the loss depends on no trainable variable, or it is to be
        scaled, or gradients to be accumulated, under `tf.distribute`.
    """
    if use_tpu:
        raise ValueError("use_tpu is not supported: there is no TPUEstimator in this toolkit.")
    if (scale_loss or accumulation) and tf.distribute.has_strategy():
        name = "scale_loss" if scale_loss else "accumulation"
        raise ValueError(f"{name} is not supported under tf.distribute.")
    global_step = tf.train.get_or_create_global_step()
    optimizer = AdamWeightDecayOptimizer(
        learning_rate=learning_rate_at(
            global_step, init_lr, num_train_steps, num_warmup_steps, schedule
        ),
        weight_decay_rate=weight_decay,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-6,
        exclude_from_weight_decay=["LayerNorm", "layer_norm", "bias"],
        bias_correction=bias_correction,
        learning_rate_factors=learning_rate_factors,
    )
    if scale_loss:
        optimizer = tf.mixed_precision.MixedPrecisionLossScaleOptimizer(optimizer, "dynamic")
    variables = [v for v in tf.trainable_variables() if not _matches(frozen, v.op.name)]
    grads_and_vars = [
        (_with_rows_once(grad), var)
        for grad, var in optimizer.compute_gradients(loss, variables)
        if grad is not None
    ]
    if not grads_and_vars:
        raise ValueError("The loss depends on no trainable variable.")
    grads, tvars = zip(*grads_and_vars)

    def update(grads):
        return _update(optimizer, grads, tvars, clip_norm, scale_loss, global_step)

    if accumulation:
        norm = _accumulate(grads, tvars, accumulation, update)
        return tf.identity(norm, name="gradient_norm").op
    # Under tf.distribute the sum over replicas comes first: clipping each replica's gradients by
    # themselves would be another update than that of the whole batch.
    train_op, norm = update(_sum_over_replicas(grads, tvars))
    tf.identity(norm, name="gradient_norm")
    return train_op


def _update(optimizer, grads, tvars, clip_norm, scale_loss, global_step):
    """Clips gradients and applies them; returns the op, and their norm before."""
    norm = tf.global_norm(grads)
    if clip_norm:
        grads, _ = tf.clip_by_global_norm(grads, clip_norm=clip_norm, use_norm=norm)
    grads_and_vars = list(zip(grads, tvars))
    if scale_loss:
        # A step that is skipped counts as well, since the order of data goes by the count.
        with tf.control_dependencies([optimizer.apply_gradients(grads_and_vars)]):
            return tf.assign_add(global_step, 1).op, norm
    update_op = optimizer.apply_gradients(
        grads_and_vars, global_step=global_step, skip_gradients_aggregation=True
    )
    return update_op, norm


def _accumulate(grads, tvars, accumulation, update):
    """Adds gradients up; after the last batch, updates by their sum over that of the weights.

    Returns:
      float scalar Tensor: the norm of the gradient that was applied, 0 before the last batch.
    """
    weights = _make_sum("weight", [], tf.float32)
    sums = [_make_sum(var.op.name, var.shape, var.dtype.base_dtype) for var in tvars]
    added = [weights.assign_add(accumulation.weight, read_value=False)]
    added += [_add_to(total, grad) for total, grad in zip(sums, grads)]

    def finish():
        weight = weights.read_value()
        means = [tf.div_no_nan(s.read_value(), tf.cast(weight, s.dtype)) for s in sums]
        update_op, norm = update(means)
        with tf.control_dependencies([update_op]):
            cleared = [s.assign(tf.zeros(s.shape, s.dtype), read_value=False) for s in sums]
            cleared.append(weights.assign(0.0, read_value=False))
        with tf.control_dependencies(cleared):
            return tf.identity(norm)

    with tf.control_dependencies(added):
        return tf.cond(accumulation.is_last, finish, lambda: tf.constant(0.0))


def _make_sum(name, shape, dtype):
    # Local, and so in no checkpoint: these hold nothing between two updates.
    return tf.get_variable(
        "accumulation/" + name,
        shape,
        dtype,
        initializer=_fresh_zeros if shape else tf.zeros_initializer(),
        trainable=False,
        collections=[tf.GraphKeys.LOCAL_VARIABLES],
        use_resource=True,
    )


def _add_to(total, grad):
    if isinstance(grad, tf.IndexedSlices):
        return total.scatter_add(grad)
    return total.assign_add(grad, read_value=False)


def _matches(patterns, name):
    return any(re.search(pattern, name) for pattern in patterns)


def learning_rate_at(global_step, init_lr, num_train_steps, num_warmup_steps, schedule="linear"):
    """Returns the learning rate of the next step: linear warm-up to the peak, then the schedule.

    Steps count from 1: the rate of step n is init_lr * n / num_warmup_steps up to the peak, at step
    `num_warmup_steps`, and init_lr * (num_train_steps - n) / (num_train_steps - num_warmup_steps)
    from there ("cosine": half of 1 + the cosine of pi times the share of the way down that is done,
    Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983, equation 5; "constant": the peak).
    The decay counts from the peak (as Hugging Face's schedule does), so that nothing
    drops where the two lines meet. That the first step is step 1 is what Google's code comes to
    on TensorFlow 1.15, where `global_step` is advanced before the rate is read.

    Args:
      global_step: int Tensor or Variable, steps done so far.
      init_lr: float. Peak.
      num_train_steps: int. The step whose rate is zero.
      num_warmup_steps: int. Steps of warm-up; 0 or None for none.
      schedule: string. One of `SCHEDULES`.

    Returns:
      float32 scalar Tensor.
    """
    step = tf.cast(tf.convert_to_tensor(global_step), tf.float32) + 1.0
    num_warmup_steps = num_warmup_steps or 0
    rising = step / max(num_warmup_steps, 1)
    falling = (num_train_steps - step) / max(num_train_steps - num_warmup_steps, 1)
    falling = tf.maximum(falling, 0.0)
    after = {
        "linear": lambda: falling,
        "cosine": lambda: 0.5 - 0.5 * tf.cos(math.pi * falling),
        "constant": lambda: tf.ones_like(falling),
    }[schedule]()
    share = tf.where(step < num_warmup_steps, rising, after)
    return tf.multiply(share, init_lr, name="learning_rate")


def _with_rows_once(grad):
    """Returns a gradient in which each row is once, since a norm counts what is there."""
    if not isinstance(grad, tf.IndexedSlices):
        return grad
    if tf.distribute.has_strategy():  # A row may be in the gradients of several replicas.
        return tf.convert_to_tensor(grad)
    indices, places = tf.unique(grad.indices)
    values = tf.unsorted_segment_sum(grad.values, places, tf.size(indices))
    return tf.IndexedSlices(values, indices, grad.dense_shape)


def _sum_over_replicas(grads, tvars):
    if not tf.distribute.has_strategy():
        return list(grads)

    def reduce(strategy, grads, tvars):
        return strategy.extended.batch_reduce_to(
            tf.distribute.ReduceOp.SUM, list(zip(grads, tvars))
        )

    return tf.distribute.get_replica_context().merge_call(reduce, args=(grads, tvars))


class AdamWeightDecayOptimizer(tf.train.Optimizer):
    """Adam with decoupled weight decay and, as BERT's, without bias correction.

    Kingma and Ba 2014 (https://arxiv.org/abs/1412.6980, algorithm 1, without the two divisions by
    1 - beta^t), Loshchilov and Hutter 2017 (https://arxiv.org/abs/1711.05101, algorithm 2):

        m <- beta_1 * m + (1 - beta_1) * g
        v <- beta_2 * v + (1 - beta_2) * g^2
        w <- w - learning_rate * (m / (sqrt(v) + epsilon) + weight_decay_rate * w)

    With bias correction, step t (`global_step` + 1) has m * sqrt(1 - beta_2^t) / (1 - beta_1^t) in
    place of m (Kingma and Ba, the last paragraph of section 2). Without it the first steps are up
    to three times as long, which small data sets may not survive (Mosbach et al. 2020,
    https://arxiv.org/abs/2006.04884, section 5).

    The slots are named `adam_m` and `adam_v`, as in Google's checkpoints.
    """

    def __init__(
        self,
        learning_rate,
        weight_decay_rate=0.0,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-6,
        exclude_from_weight_decay=None,
        name="AdamWeightDecayOptimizer",
        bias_correction=False,
        learning_rate_factors=None,
    ):
        """Keeps the hyperparameters.

        Args:
          learning_rate: float or float scalar Tensor.
          weight_decay_rate: float.
          beta_1: float. Decay of the mean of gradients.
          beta_2: float. Decay of the mean of their squares.
          epsilon: float. Added to the root of the latter.
          exclude_from_weight_decay: list of regular expressions; variables whose name one of
            them matches anywhere are not decayed.
          name: string. Name of the ops.
          bias_correction: bool. Correct m and v for their start at zero.
          learning_rate_factors: dict, as of `create_optimizer`.
        """
        super(AdamWeightDecayOptimizer, self).__init__(False, name)
        self.learning_rate = learning_rate
        self.weight_decay_rate = weight_decay_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.exclude_from_weight_decay = exclude_from_weight_decay
        self.bias_correction = bias_correction
        self.learning_rate_factors = learning_rate_factors or {}

    def _prepare(self):
        # Powers of zero leave the correction out of TensorFlow's kernel: it is 1 then.
        powers = (0.0, 0.0)
        if self.bias_correction:
            step = tf.cast(tf.train.get_or_create_global_step(), tf.float32) + 1.0
            powers = (tf.pow(self.beta_1, step), tf.pow(self.beta_2, step))
        # Made once for all variables: a graph's building takes as long as it has ops.
        self._numbers = {
            "beta1_power": tf.convert_to_tensor(powers[0]),
            "beta2_power": tf.convert_to_tensor(powers[1]),
            "beta1": tf.constant(self.beta_1),
            "beta2": tf.constant(self.beta_2),
            "epsilon": tf.constant(self.epsilon),
        }
        factors = {1.0, *self.learning_rate_factors.values()}
        self._rates = {factor: self._rates_times(factor) for factor in factors}

    def _rates_times(self, factor):
        """Returns the rates of learning and of decay, float32 scalar Tensors, times a factor."""
        rate = tf.convert_to_tensor(self.learning_rate, dtype_hint=tf.float32)
        rate = rate * factor if factor != 1.0 else rate
        return rate, rate * self.weight_decay_rate

    def _create_slots(self, var_list):
        for var in var_list:
            for slot, name in (("m", "adam_m"), ("v", "adam_v")):
                if not var.shape.is_fully_defined():
                    self._zeros_slot(var, slot, name)
                    continue
                self._get_or_make_slot_with_initializer(
                    var, _fresh_zeros, var.shape, var.dtype.base_dtype, slot, name
                )

    def _resource_apply_dense(self, grad, var):
        with tf.control_dependencies(self._decay(grad, var)):
            return self._run_adam(grad, var, tf.raw_ops.ResourceApplyAdam, lambda v: v.handle)

    def _apply_dense(self, grad, var):
        with tf.control_dependencies(self._decay(grad, var)):
            return self._run_adam(grad, var, tf.raw_ops.ApplyAdam, lambda v: v._ref())

    # m and v of every row decay at every step, so a sparse gradient is one with zeros elsewhere.
    # These are added after the decay, whose product is as large, so that there is one at a time.
    def _resource_apply_sparse(self, grad, handle, indices):
        with tf.control_dependencies(self._decay(grad, handle)):
            dense = _to_dense(grad, handle, indices)
            return self._run_adam(dense, handle, tf.raw_ops.ResourceApplyAdam, lambda v: v.handle)

    def _apply_sparse(self, grad, var):
        with tf.control_dependencies(self._decay(grad.values, var)):
            dense = _to_dense(grad.values, var, grad.indices)
            return self._run_adam(dense, var, tf.raw_ops.ApplyAdam, lambda v: v._ref())

    def _run_adam(self, grad, var, apply_adam, buffer_of):
        numbers = {**self._numbers, "lr": self._rates[self._factor_of(var)][0]}
        return apply_adam(
            var=buffer_of(var),
            m=buffer_of(self.get_slot(var, "m")),
            v=buffer_of(self.get_slot(var, "v")),
            grad=grad,
            use_locking=self._use_locking,
            **{name: tf.cast(value, var.dtype.base_dtype) for name, value in numbers.items()},
        )

    def _decay(self, grad, var):
        if not self._do_use_weight_decay(self._get_variable_name(var.name)):
            return []
        # Once the gradient is there, nothing of this step still reads the undecayed weights.
        with tf.control_dependencies([grad]):
            rate = tf.cast(self._rates[self._factor_of(var)][1], var.dtype.base_dtype)
            return [var.assign_sub(rate * var, use_locking=self._use_locking, read_value=False)]

    def _factor_of(self, var):
        name = self._get_variable_name(var.name)
        matching = (f for p, f in self.learning_rate_factors.items() if re.search(p, name))
        return next(matching, 1.0)

    def _do_use_weight_decay(self, param_name):
        """Whether the variable of that name is decayed."""
        if not self.weight_decay_rate:
            return False
        return not _matches(self.exclude_from_weight_decay or [], param_name)

    def _get_variable_name(self, param_name):
        """Returns the variable's name, without ":0"."""
        return re.sub(r":\d+$", "", param_name)


def _fresh_zeros(shape, dtype=tf.float32, partition_info=None):
    # Not `tf.zeros`, which TensorFlow makes a constant of: it would keep that as long as the
    # session lives, and the first update would copy it.
    del partition_info
    return tf.raw_ops.Empty(shape=shape, dtype=dtype, init=True)


def _to_dense(values, var, indices):
    return tf.unsorted_segment_sum(values, indices, var.shape[0])
