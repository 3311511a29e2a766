"""Training of one model by several processes, with the same result as by one.

DistributedDataParallel averages gradients over gloo. BatchNorm takes its statistics over the global batch; as
PyTorch's SyncBatchNorm does so on GPUs only, there is another one here. Without it, each process would normalise by its
own share, and the number of instances would change the model.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from training.device import choose
from training.environment import Process
from training.errors import LostPeers

MEETING = timedelta(minutes=30)  # machines download the images at different speeds
# processes read images and compute features at different speeds; a process that died is noticed at once, by its socket
TIMEOUT = timedelta(hours=12)


@contextmanager
def together(process: Process) -> Iterator[None]:
    """Connect the processes of the run inside the context; a single process connects to nothing.

    Raises:
        LostPeers: they cannot connect, or lose each other.
    """
    if process.world == 1:
        yield
        return
    if process.interface:
        os.environ["GLOO_SOCKET_IFNAME"] = process.interface
        os.environ.setdefault("NCCL_SOCKET_IFNAME", process.interface)
    try:
        place = f"tcp://{process.master}:{process.port}"
        store, _, _ = next(dist.rendezvous(place, process.rank, process.world, timeout=MEETING))
        dist.init_process_group(
            _backend(_gpus(store, process)),
            store=store,
            rank=process.rank,
            world_size=process.world,
            timeout=TIMEOUT,
        )
        yield
        summed(torch.zeros(1))  # rank 0 runs the store: it must not leave first
    except RuntimeError as error:
        # in a backward pass gloo's errors come as plain RuntimeError, with gloo's source file in the text
        if isinstance(error, dist.DistError) or "gloo" in str(error):
            text = str(error).splitlines()[0]
            raise LostPeers(f"process {process.rank} of {process.world} lost the others: {text}") from error
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _gpus(store: dist.Store, process: Process) -> list[str]:
    """Name of each process's GPU, the same for one that two of them use; empty without a GPU."""
    store.set(f"gpu-{process.rank}", own_gpu(process))
    return [store.get(f"gpu-{rank}").decode() for rank in range(process.world)]


def own_gpu(process: Process) -> str:
    """Name of this process's GPU, which no other GPU of any machine has; empty without one."""
    if not torch.cuda.is_available():
        return ""
    return str(torch.cuda.get_device_properties(choose(process)).uuid)


def _backend(gpus: Sequence[str]) -> str:
    """Libraries for sums of a few numbers on the processor, and for gradients on the model's device.

    NCCL refuses two processes on one GPU, as when a laptop runs a job of several instances; gloo does not.
    """
    return "cpu:gloo,cuda:nccl" if all(gpus) and len(set(gpus)) == len(gpus) else "gloo"


def summed(values: Tensor) -> Tensor:
    """Sum of `values` over all processes; a single process gets its own values back."""
    if dist.is_initialized():
        dist.all_reduce(values)
    return values


def parallel(model: nn.Module, process: Process) -> nn.Module:
    """The model with gradients averaged over the processes; the model itself for a single process."""
    if process.world == 1:
        return model
    if next(model.parameters()).is_cuda:
        return nn.parallel.DistributedDataParallel(
            nn.SyncBatchNorm.convert_sync_batchnorm(model), forward_sync_buffers=False
        )
    # buffers are those of BatchNorm, the same in all processes already
    return nn.parallel.DistributedDataParallel(_with_global_batch_norm(model), forward_sync_buffers=False)


class _Normalised(torch.autograd.Function):
    """BatchNorm over the batches of all processes: a process's fused kernels, and two sums over processes.

    Source of the gradient: Ioffe and Szegedy, "Batch Normalization" (2015), section 3.
    """

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Normalised images, and mean, variance and number of values (float64) over all processes."""
        # a third of the time of var_mean, though it normalises too; without eps, the variance is 1 / deviation²
        _, mean, deviation = torch.native_batch_norm(images, None, None, None, None, True, 0.0, 0.0)
        mean, variance = mean.double(), deviation.double() ** -2
        variance[deviation == 0] = 0  # so PyTorch returns the inverse of a deviation of 0, as of a constant channel
        own = torch.cat([mean.new_ones(1), mean, variance + mean**2]) * (images.numel() / images.shape[1])
        totals = summed(own)
        count = totals[0]
        mean, square = (totals[1:] / count).chunk(2)
        variance = square - mean**2  # in float64: the difference of large numbers
        statistics = mean.to(images.dtype), variance.to(images.dtype)
        ctx.save_for_backward(images, weight, *statistics, count)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance, count)
        return batch_norm(images, *statistics, weight, bias, eps=eps), mean, variance, count

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, None]:
        images, weight, mean, variance, count = ctx.saved_tensors
        # as if the statistics were constants: fused, and returns the two sums that they depend on
        direct, by_weight, by_bias = torch.ops.aten.native_batch_norm_backward(
            gradient.contiguous(), images, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        totals = summed(torch.cat([by_weight, by_bias]).double())
        scale = (weight * torch.rsqrt(variance + ctx.eps)).double() / count
        slope, level = (part.to(images.dtype) for part in (totals * scale.repeat(2)).chunk(2))
        through_statistics = batch_norm(images, mean, variance, slope, level, eps=ctx.eps)
        return direct.sub_(through_statistics), by_weight, by_bias, None


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d with training statistics over the batches of all processes."""

    momentum: float
    num_batches_tracked: Tensor
    running_mean: Tensor
    running_var: Tensor

    def forward(self, images: Tensor) -> Tensor:  # [n, channels, height, width] to the same
        if not self.training:
            return super().forward(images)
        normalised, mean, variance, count = _Normalised.apply(images, self.weight, self.bias, self.eps)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean.to(images.dtype), self.momentum)
            self.running_var.lerp_((variance * count / (count - 1)).to(images.dtype), self.momentum)
        return normalised


def _with_global_batch_norm(model: nn.Module) -> nn.Module:
    """The same model, parameters and buffers, with global statistics in each BatchNorm2d."""
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = GlobalBatchNorm2d
    return model
