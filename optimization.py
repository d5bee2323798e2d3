# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""BERT's optimizer: Adam with weight decay, a learning rate schedule, and gradient clipping.

Names and signatures follow Google's `optimization.py` (PyPI `bert-tensorflow` 1.0.4). Unlike
Google's, the optimizer is a complete `tf.train.Optimizer`: it has slots, accepts reference and
resource variables, works under `tf.distribute`, and its `apply_gradients` increments `global_step`.
"""

import collections
import math
import re

import tensorflow.compat.v1 as tf

# Maximum global norm of the gradients, from Google's `optimization.py`.
CLIP_NORM = 1.0
WEIGHT_DECAY = 0.01
_PRODUCT = "decay_product"
SCHEDULES = ("linear", "cosine", "constant")


class Accumulation(collections.namedtuple("Accumulation", ["weight", "is_last"])):
    """Describes one of several batches that make one update, equal to that of one large batch.

    Attributes:
      weight: float scalar Tensor. Weight of the batch in the mean, for example its number of rows.
        The loss passed to `create_optimizer` is then a sum over the batch.
      is_last: bool scalar Tensor. Whether this batch completes the update.
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
    with_decay_products=(),
):
    """Builds one training step: schedule, gradients, update.

    For monitoring, the graph then contains the scalar Tensors `learning_rate` and `gradient_norm`,
    the global norm before clipping.

    Args:
      loss: float scalar Tensor. Mean over this replica's batch; with `accumulation`, the sum.
      init_lr: float. Peak learning rate.
      num_train_steps: int. The step, counted from 1, whose learning rate is zero.
      num_warmup_steps: int. Number of steps over which the rate rises; 0 or None for no warm-up.
      use_tpu: bool. Must be false; exists for Google's signature.
      bias_correction: bool. Whether to correct Adam's moments for their start at zero; Google's
        BERT does not.
      learning_rate_factors: dict from regular expression to float. Multiplies the learning rate of
        variables whose name contains a match; the first match counts.
      scale_loss: bool. Whether to use dynamic loss scaling: to multiply the loss by a scale and
        divide the gradients by it, so that small gradients do not vanish in float16. A step whose
        gradients are not finite changes no variable and halves the scale (Micikevicius et al. 2017,
        https://arxiv.org/abs/1710.03740, section 3.2).
      weight_decay: float. Decay rate of all variables except biases and LayerNorms.
      clip_norm: float. Maximum global norm of the gradients; 0 for no clipping.
      schedule: string, one of `SCHEDULES`. Learning rate after the peak; see `learning_rate_at`.
      frozen: list of regular expressions. Variables whose name contains a match are not trained.
      accumulation: `Accumulation` if several batches make one update; None if each batch makes one.
      with_decay_products: See `AdamWeightDecayOptimizer`.

    Returns:
      Operation that updates the trainable variables and adds 1 to `global_step`. With
      `accumulation`, it sums gradients in local variables, and updates only after the last batch.

    Raises:
      ValueError: `use_tpu` is true, or the loss depends on no trainable variable.
    """
    if use_tpu:
        raise ValueError("use_tpu is not supported: this toolkit has no TPUEstimator.")

    # Schedule
    global_step = tf.train.get_or_create_global_step()
    rate = learning_rate_at(global_step, init_lr, num_train_steps, num_warmup_steps, schedule)

    # Gradients
    optimizer = AdamWeightDecayOptimizer(
        learning_rate=rate,
        weight_decay_rate=weight_decay,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-6,
        exclude_from_weight_decay=["LayerNorm", "layer_norm", "bias"],
        bias_correction=bias_correction,
        learning_rate_factors=learning_rate_factors,
        with_decay_products=with_decay_products,
        gradients_are_summed=True,
    )
    if scale_loss:
        optimizer = tf.mixed_precision.MixedPrecisionLossScaleOptimizer(optimizer, "dynamic")
    grads, tvars = _compute_gradients(optimizer, loss, frozen)

    # Update
    def update(grads):
        return _clip_and_apply(optimizer, grads, tvars, clip_norm, scale_loss, global_step)

    if accumulation:
        norm = _accumulate(grads, tvars, accumulation, update)
        return tf.identity(norm, name="gradient_norm").op
    # Gradients are summed over replicas before they are clipped: clipping them on each replica
    # would give a different update from that of the whole batch.
    train_op, norm = update(_sum_over_replicas(grads))
    tf.identity(norm, name="gradient_norm")
    return train_op


def _compute_gradients(optimizer, loss, frozen):
    """Returns the gradients of the loss, and their variables: two tuples of the same length."""
    variables = [v for v in tf.trainable_variables() if not _matches(frozen, _name_of(v))]
    grads_and_vars = [
        (_with_unique_rows(grad), var)
        for grad, var in optimizer.compute_gradients(loss, variables)
        if grad is not None
    ]
    if not grads_and_vars:
        raise ValueError("The loss depends on no trainable variable.")
    return zip(*grads_and_vars)


def _clip_and_apply(optimizer, grads, tvars, clip_norm, scale_loss, global_step):
    """Clips gradients and applies them.

    Returns:
      (op, norm): the update, and the global norm before clipping, a float scalar Tensor.
    """
    norm = tf.global_norm(grads)
    if clip_norm:
        grads, _ = tf.clip_by_global_norm(grads, clip_norm=clip_norm, use_norm=norm)
    grads_and_vars = list(zip(grads, tvars))
    if scale_loss:
        # Steps that change no variable count, too, since the order of the data depends on the step.
        with tf.control_dependencies([optimizer.apply_gradients(grads_and_vars)]):
            return tf.assign_add(global_step, 1).op, norm
    return optimizer.apply_gradients(grads_and_vars, global_step=global_step), norm


def _accumulate(grads, tvars, accumulation, update):
    """Sums gradients; after the last batch, updates with their sum over the sum of the weights.

    Returns:
      float scalar Tensor: the global norm of the gradients that were applied; 0 before the last
      batch.
    """
    weights = _make_sum("weight", [], tf.float32)
    sums = [_make_sum(_name_of(var), var.shape, var.dtype.base_dtype) for var in tvars]
    # The optimizer has divided the loss by the number of replicas.
    weight = accumulation.weight / tf.distribute.get_strategy().num_replicas_in_sync
    added = [weights.assign_add(weight, read_value=False)]
    added += [_add_to(total, grad) for total, grad in zip(sums, grads)]

    def finish():
        # Replicas accumulate separately, so that gradients travel between devices once per update.
        weight, *totals = _sum_over_replicas([v.read_value() for v in (weights, *sums)])
        means = [tf.div_no_nan(total, tf.cast(weight, total.dtype)) for total in totals]
        update_op, norm = update(means)
        with tf.control_dependencies([update_op]):
            cleared = [s.assign(tf.zeros(s.shape, s.dtype), read_value=False) for s in sums]
            cleared.append(weights.assign(0.0, read_value=False))
        with tf.control_dependencies(cleared):
            return tf.identity(norm)

    with tf.control_dependencies(added):
        return _run_if(accumulation.is_last, finish)


def _run_if(condition, build):
    """Returns the float scalar Tensor that a function builds if a condition holds, else 0."""
    if not tf.distribute.has_strategy():
        return tf.cond(condition, build, lambda: tf.constant(0.0))

    def build_replicas(strategy, conditions):
        def build_all():
            return strategy.experimental_local_results(
                strategy.extended.call_for_each_replica(build)
            )

        def build_zeros():
            return tuple(tf.constant(0.0) for _ in strategy.extended.worker_devices)

        # The condition is the same in all replicas.
        condition = strategy.experimental_local_results(conditions)[0]
        norms = tf.cond(condition, build_all, build_zeros, strict=True)
        with tf.control_dependencies(norms):
            return tf.identity(norms[0])

    return tf.distribute.get_replica_context().merge_call(build_replicas, args=(condition,))


def _make_sum(name, shape, dtype):
    # The sums are reset to zero after each update, so checkpoints need not contain them: they are
    # local variables.
    return tf.get_variable(
        "accumulation/" + name,
        shape,
        dtype,
        initializer=_fresh_zeros if shape else tf.zeros_initializer(),
        trainable=False,
        collections=[tf.GraphKeys.LOCAL_VARIABLES],
        use_resource=True,
        # Under `tf.distribute`, each replica has its own.
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.SUM,
    )


def _add_to(total, grad):
    if isinstance(grad, tf.IndexedSlices):
        return total.scatter_add(grad)
    return total.assign_add(grad, read_value=False)


def _name_of(var):
    """Returns the name of a variable in checkpoints; that of its op can also contain a replica."""
    return re.sub(r":\d+$", "", var.name)


def _matches(patterns, name):
    return any(re.search(pattern, name) for pattern in patterns)


def learning_rate_at(global_step, init_lr, num_train_steps, num_warmup_steps, schedule="linear"):
    """Returns the learning rate of the next step: linear warm-up to the peak, then the schedule.

    Steps count from 1. During warm-up, the rate of step n is init_lr * n / num_warmup_steps, so the
    peak is at step `num_warmup_steps`. After that, with the completed fraction of the decay
    p = (n - num_warmup_steps) / (num_train_steps - num_warmup_steps), the rate is init_lr times

        "linear":    1 - p
        "cosine":    (1 + cos(pi * p)) / 2
        "constant":  1

    "cosine" is equation 5 of Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983. The
    decay starts at the peak, as in Hugging Face's schedule; in Google's, the rate drops at the end
    of warm-up. The first step is step 1, as in Google's code on TensorFlow 1.15, which increments
    `global_step` before it reads the rate.

    Args:
      global_step: int Tensor or Variable. Number of completed steps.
      init_lr: float. Peak learning rate.
      num_train_steps: int. The step whose rate is zero, unless `schedule` is "constant".
      num_warmup_steps: int. Number of warm-up steps; 0 or None for no warm-up.
      schedule: string. One of `SCHEDULES`.

    Returns:
      float32 scalar Tensor, named "learning_rate".
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


def _with_unique_rows(grad):
    """Sums repeated rows of a sparse gradient, which would distort its norm."""
    if not isinstance(grad, tf.IndexedSlices):
        return grad
    if tf.distribute.has_strategy():  # A row can occur in the gradients of several replicas.
        return tf.convert_to_tensor(grad)
    indices, places = tf.unique(grad.indices)
    values = tf.unsorted_segment_sum(grad.values, places, tf.size(indices))
    return tf.IndexedSlices(values, indices, grad.dense_shape)


def _sum_over_replicas(tensors):
    if not tf.distribute.has_strategy():
        return list(tensors)

    def reduce(strategy, *tensors):
        return strategy.extended.batch_reduce_to(
            tf.distribute.ReduceOp.SUM, [(tensor, tensor) for tensor in tensors]
        )

    return tf.distribute.get_replica_context().merge_call(reduce, args=tuple(tensors))


class AdamWeightDecayOptimizer(tf.train.Optimizer):
    """Adam with decoupled weight decay and, by default, without bias correction, as in BERT.

    Kingma and Ba 2014 (https://arxiv.org/abs/1412.6980, algorithm 1, without the two divisions by
    1 - beta^t); Loshchilov and Hutter 2017 (https://arxiv.org/abs/1711.05101, algorithm 2):

        m <- beta_1 * m + (1 - beta_1) * g
        v <- beta_2 * v + (1 - beta_2) * g^2
        w <- w - learning_rate * (m / (sqrt(v) + epsilon) + weight_decay_rate * w)

    With bias correction, step t (`global_step` + 1) uses m * sqrt(1 - beta_2^t) / (1 - beta_1^t)
    instead of m (Kingma and Ba, last paragraph of section 2). Without it, the first steps are up to
    three times as large, and training on small data sets can fail (Mosbach et al. 2020,
    https://arxiv.org/abs/2006.04884, section 5).

    The slots are named `adam_m` and `adam_v`, as in Google's checkpoints.

    A weight whose gradient is always zero only decays: it ends as its initial value times the
    product of 1 - learning_rate * weight_decay_rate over all steps. For each variable in
    `with_decay_products`, the optimizer keeps this product in the variable NAME/decay_product,
    float64 [], so that such weights need not be updated with the others.
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
        with_decay_products=(),
        gradients_are_summed=False,
    ):
        """Stores the hyperparameters.

        Args:
          learning_rate: float or float scalar Tensor.
          weight_decay_rate: float.
          beta_1: float. Decay rate of m, the mean of gradients.
          beta_2: float. Decay rate of v, the mean of squared gradients.
          epsilon: float. Added to the square root of v.
          exclude_from_weight_decay: list of regular expressions. Variables whose name contains a
            match are not decayed.
          name: string. Name of the ops.
          bias_correction: bool. Whether to correct m and v for their start at zero.
          learning_rate_factors: See `create_optimizer`.
          with_decay_products: list of names of variables.
          gradients_are_summed: bool. Whether the gradients passed to `apply_gradients` are already
            sums over the replicas of `tf.distribute`.
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
        self.with_decay_products = with_decay_products
        self._gradients_are_summed = gradients_are_summed

    def apply_gradients(
        self, grads_and_vars, global_step=None, name=None, skip_gradients_aggregation=None
    ):
        """See `tf.train.Optimizer`; `gradients_are_summed` is the default of the last argument."""
        if skip_gradients_aggregation is None:
            skip_gradients_aggregation = self._gradients_are_summed
        return super(AdamWeightDecayOptimizer, self).apply_gradients(
            grads_and_vars, global_step, name, skip_gradients_aggregation
        )

    def _scale_loss(self, loss_value):
        # TensorFlow's own method divides the loss by the number of replicas only in an Estimator.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return loss_value / replicas if replicas > 1 else loss_value

    def _prepare(self):
        # TensorFlow's kernel always applies bias correction. Passing 0 for beta^t makes the
        # correction factor 1.
        powers = (0.0, 0.0)
        if self.bias_correction:
            step = tf.cast(tf.train.get_or_create_global_step(), tf.float32) + 1.0
            powers = (tf.pow(self.beta_1, step), tf.pow(self.beta_2, step))
        # All variables share these: the time to build a graph scales with its number of ops.
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
        """Returns the learning rate and the decay rate times a factor: float32 scalar Tensors."""
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
            if self._get_variable_name(var.name) in self.with_decay_products:
                self._get_or_make_slot_with_initializer(
                    var, _fresh_one, tf.TensorShape([]), tf.float64, _PRODUCT, _PRODUCT
                )

    def _resource_apply_dense(self, grad, var):
        with tf.control_dependencies(self._decay(grad, var)):
            return self._run_adam(grad, var, tf.raw_ops.ResourceApplyAdam, lambda v: v.handle)

    def _apply_dense(self, grad, var):
        with tf.control_dependencies(self._decay(grad, var)):
            return self._run_adam(grad, var, tf.raw_ops.ApplyAdam, lambda v: v._ref())

    # m and v of every row decay at every step, so sparse gradients are made dense, with zeros. This
    # waits for the weight decay, so that only one temporary Tensor of this size exists at a time.
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
        # The decay changes the weights, so it waits until the gradient no longer needs them.
        with tf.control_dependencies([grad]):
            rate = self._rates[self._factor_of(var)][1]
            decay = tf.cast(rate, var.dtype.base_dtype) * var
            updates = [var.assign_sub(decay, use_locking=self._use_locking, read_value=False)]
        product = self.get_slot(var, _PRODUCT) if self.with_decay_products else None
        if product is not None:
            kept = product * (1.0 - tf.cast(rate, tf.float64))
            updates.append(product.assign(kept, read_value=False))
        return updates

    def _factor_of(self, var):
        name = self._get_variable_name(var.name)
        matching = (f for p, f in self.learning_rate_factors.items() if re.search(p, name))
        return next(matching, 1.0)

    def _do_use_weight_decay(self, param_name):
        """Returns whether the variable with this name gets weight decay."""
        if not self.weight_decay_rate:
            return False
        return not _matches(self.exclude_from_weight_decay or [], param_name)

    def _get_variable_name(self, param_name):
        """Returns the variable's name, without ":0"."""
        return re.sub(r":\d+$", "", param_name)


def decay_product_name(name):
    """Returns the name of the decay product of a variable; see `AdamWeightDecayOptimizer`."""
    return f"{name}/{_PRODUCT}"


def _fresh_one(shape, dtype=tf.float64, partition_info=None):
    del partition_info
    return tf.ones(shape, dtype)


def _fresh_zeros(shape, dtype=tf.float32, partition_info=None):
    # TensorFlow would fold `tf.zeros` into a constant, which occupies memory as long as the session
    # exists, and which the first update copies.
    del partition_info
    return tf.raw_ops.Empty(shape=shape, dtype=dtype, init=True)


def _to_dense(values, var, indices):
    return tf.unsorted_segment_sum(values, indices, var.shape[0])  # The shape of `var`
