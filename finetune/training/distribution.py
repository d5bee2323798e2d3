"""Choose the devices that train together with `tf.distribute`."""

import dataclasses
import logging
from typing import TYPE_CHECKING, List, Optional, Sequence

import tensorflow.compat.v1 as tf

from finetune.config.config import Config
from finetune.data.batches import Share
from finetune.training.cluster import Cluster
from finetune.training.session import make_session_config
from finetune.util.errors import InputError
from finetune.util.plurals import count

if TYPE_CHECKING:
    from finetune.training.group import Group

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Devices:
    """Several devices that train one model.

    Attributes:
      strategy: The strategy of `tf.distribute`.
      share: The replicas of this process, one on each of its devices.
      description: The devices, for the log.
      group: The processes, if there are several.
    """

    strategy: tf.distribute.Strategy
    share: Share
    description: str
    group: "Optional[Group]" = None


def check_devices(config: Config) -> None:
    """Raises `InputError` if this machine lacks the devices that the flags request."""
    _chosen(config)


def find_devices(config: Config, cluster: Optional[Cluster] = None) -> Optional[Devices]:
    """Returns the devices to train on; None if there is only one, without `tf.distribute`.

    Args:
      config: The configuration.
      cluster: The processes, if there are several. They are then joined.

    Raises:
      InputError: This machine lacks the devices that the flags request, or a process is missing.
    """
    chosen = _chosen(config)
    if cluster is not None:
        return _join(config, cluster, chosen)
    if len(chosen) < 2:
        return None
    return mirrored(chosen)


def _join(config: Config, cluster: Cluster, gpus: Sequence[str]) -> Devices:
    """Joins the other processes; returns the devices of this one."""
    from finetune.training.group import Group

    group = Group(
        cluster,
        num_gpus=len(gpus),
        session_config=make_session_config(config.use_xla, config.use_bf16, config.use_fp16),
        patience=config.worker_timeout,
    )
    number, processes = max(len(gpus), 1), len(cluster.members)
    each = f" with {count(len(gpus), 'GPU')} each" if gpus else ""
    return Devices(
        strategy=group.strategy,
        share=Share(cluster.number * number, number, processes * number),
        description=f"{processes} processes{each}",
        group=group,
    )


def mirrored(names: Sequence[str]) -> Devices:
    """Returns the devices of this process with the given names, for example /gpu:0."""
    kind = names[0].split(":")[0].strip("/").upper()
    return Devices(
        strategy=tf.distribute.MirroredStrategy(list(names)),
        share=Share(0, len(names), len(names)),
        description=count(len(names), kind),
    )


def _chosen(config: Config) -> List[str]:
    """Returns the names of the devices of this process that train."""
    gpus = _names("GPU", len(tf.config.list_physical_devices("GPU")))
    if config.num_gpus is not None and config.num_gpus > len(gpus):
        raise InputError(
            f"--num_gpus={config.num_gpus}: TensorFlow finds {count(len(gpus), 'GPU')}. Lower it, "
            "or check the GPU driver and the CUDA installation (see docs/gpus.md)."
        )
    gpus = gpus[: config.num_gpus]
    if config.distribution == "mirrored":
        # Without GPUs, the processor can be divided into several devices, for tests.
        devices = gpus or _names("CPU", len(tf.config.list_logical_devices("CPU")))
        if len(devices) < 2:
            limit = f" (--num_gpus={config.num_gpus})" if config.num_gpus else ""
            raise InputError(
                f"--distribution=mirrored requires at least 2 GPUs; found {len(gpus)}{limit}. Omit "
                "the flag, or check the GPU driver and the CUDA installation (see docs/gpus.md)."
            )
        return devices
    return gpus if config.distribution in ("auto", "multi_worker") else []


def _names(kind: str, number: int) -> List[str]:
    """Returns the names of devices, for example /gpu:0."""
    return [f"/{kind.lower()}:{index}" for index in range(number)]


def log_devices(config: Config, devices: Optional[Devices]) -> None:
    """Logs the devices, if there are several."""
    if devices is None:
        return
    _log.info(
        "Training on %s: --train_batch_size=%d is divided among them",
        devices.description,
        config.train_batch_size,
    )
    if config.train_batch_size < devices.share.total:
        _log.warning(
            "--train_batch_size=%d is smaller than the number of devices, so some of them have "
            "nothing to do. Raise it.",
            config.train_batch_size,
        )
