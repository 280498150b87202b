"""Weights sharded over processes: the same numbers and the same steps as one process has."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F

from evenkeel.torch import ElrController, ElrProbe

WORLD = 2
NAMES = ["first.weight", "second.weight", "third.weight"]


class Net(nn.Module):
    """Odd widths, so that shards are uneven; a row of one output, so that some are empty; frozen and tied weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(16, 13, bias=False), nn.Linear(13, 13, bias=False)
        self.third, self.last = nn.Linear(13, 13, bias=False), nn.Linear(13, 1)
        self.fixed = nn.Linear(13, 13, bias=False)
        self.fixed.weight.requires_grad_(False)
        with torch.no_grad():
            self.second.weight.mul_(3)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.first, self.second, self.fixed, self.third):
            x = torch.tanh(F.layer_norm(layer(x), (13,), eps=1e-12))
        return self.last(x).squeeze(1)


def step_loss(model: nn.Module, step: int) -> Tensor:
    """The same batch on every process."""
    x = torch.randn(32, 16, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
    return F.mse_loss(model(x), x[:, 0])


def fsdp2(model: nn.Module) -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (WORLD,))
    for layer in (model.first, model.second, model.third):
        fully_shard(layer, mesh=mesh)
    return fully_shard(model, mesh=mesh)


def hsdp(model: nn.Module) -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    return fully_shard(model, mesh=init_device_mesh("cpu", (WORLD, 1), mesh_dim_names=("copies", "shards")))


def tensor_parallel(model: nn.Module) -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate
    from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

    plan = {"first": ColwiseParallel(output_layouts=Replicate()), "second": RowwiseParallel(input_layouts=Replicate())}
    return parallelize_module(model, init_device_mesh("cpu", (WORLD,)), plan)


def fsdp1(model: nn.Module) -> nn.Module:
    from torch.distributed.fsdp import FullyShardedDataParallel

    return FullyShardedDataParallel(model, use_orig_params=True, device_id=torch.device("cpu"))


SHARDED: dict[str, Callable[[nn.Module], nn.Module]] = {
    "fsdp2": fsdp2, "hsdp": hsdp, "tensor parallel": tensor_parallel, "fsdp1": fsdp1,
}  # fmt: skip
RUNS = {
    "sgd": (lambda p: torch.optim.SGD(p, lr=50.0), "critical+hold", "layer"),
    "adamw": (lambda p: torch.optim.AdamW(p, lr=2.0), "critical+hold", "layer"),
    "units": (lambda p: torch.optim.SGD(p, lr=0.05), "hold", "unit"),
}


def train(model: nn.Module, run: str) -> dict[str, Any]:
    """Six steps, and what was measured and decided in them."""
    build, control, granularity = RUNS[run]
    optimizer = build([p for p in model.parameters() if p.requires_grad])
    controller = ElrController(optimizer, ElrProbe(model, granularity=granularity), control)
    lrs, elrs = [], []
    for step in range(6):
        optimizer.zero_grad()
        step_loss(model, step).backward()
        optimizer.step()
        lrs += controller.last_lr()
        elrs.append(torch.from_numpy(controller.probe.reading.elr))
    return {"lrs": lrs, "elrs": elrs, "layers": controller.probe.layers, "state": controller.state_dict()}


def worker(rank: int, folder: str, mode: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=WORLD)
    for run in RUNS:
        model = SHARDED[mode](Net().double())
        torch.save(train(model, run), f"{folder}/{run}-{rank}")
    dist.destroy_process_group()


@pytest.mark.parametrize("mode", SHARDED)
def test_sharded_weights_are_measured_and_steered_as_whole_ones(mode: str, tmp_path: pathlib.Path) -> None:
    torch.multiprocessing.spawn(worker, (str(tmp_path), mode), nprocs=WORLD)
    for run in RUNS:
        whole = train(Net().double(), run)
        found = [torch.load(tmp_path / f"{run}-{rank}") for rank in range(WORLD)]
        assert run == "units" or whole["lrs"][0] < {"sgd": 50.0, "adamw": 2.0}[run], "the cap acts"
        assert found[0]["layers"] == whole["layers"] == NAMES
        assert found[0]["lrs"] == found[1]["lrs"] and found[0]["lrs"] == pytest.approx(whole["lrs"], rel=1e-6)
        for own, other, expected in zip(found[0]["elrs"], found[1]["elrs"], whole["elrs"], strict=True):
            assert torch.equal(own, other)
            assert torch.allclose(own, expected, rtol=1e-6)
