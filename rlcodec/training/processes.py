"""Training in several processes that `torchrun` started, one per GPU or on the cores of one machine."""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn


@dataclass(frozen=True)
class Processes:
    """The processes that train together.

    Attributes:
        rank: index of this process; the first one writes files and shows progress.
        count: number of processes.
    """

    rank: int
    count: int

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    def add_gradients(self, model: nn.Module) -> None:
        """Replaces the gradients of a model by their sums over all processes."""
        if self.count > 1:
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            whole = torch.cat([gradient.reshape(-1) for gradient in gradients])  # gradients may have any memory format
            dist.all_reduce(whole)
            for gradient, part in zip(gradients, whole.split([g.numel() for g in gradients]), strict=True):
                gradient.copy_(part.view(gradient.shape))

    def agree(self, number: float) -> float:
        """Returns the first process's number in all processes; values that depend on clocks would differ between them."""
        if self.count == 1:
            return number
        shared = torch.tensor([number], dtype=torch.float64, device="cuda" if torch.cuda.is_available() else "cpu")
        dist.broadcast(shared, 0)
        return float(shared)

    def wait(self) -> None:
        """Waits until all processes have called this."""
        if self.count > 1:
            dist.barrier()


def join_processes() -> Processes:
    """Joins the processes that `torchrun` started; without torchrun this process is the only one."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Processes(0, 1)
    if not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return Processes(dist.get_rank(), dist.get_world_size())
