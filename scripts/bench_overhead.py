#!/usr/bin/env python3
"""What measuring ELRs costs a PyTorch training step, beside the usual ways to watch gradients.

Development only: pip install . torch, then on a quiet machine

    python scripts/bench_overhead.py [--network bn-mlp-50 resnet-20] [--seconds 50] [--seed 0]

Each way trains its own copy of the network from the same weights on the same batch. In a round each
takes twenty steps, in an order that rotates; what is printed is the median over rounds of the time relative
to the plain loop's in the same round, with quartiles, and the time spent in the hooks themselves.

- over: the critical warm-up once it is over, measured every twenty steps
- acting: the warm-up while it acts, measured at each step
- held: all ELRs held equal at each step
- items: a hook on each parameter that takes the gradient's norm by .item(), at each step
- histograms: a histogram with 64 bins of each parameter's gradient, as watchers of runs make them
"""

import argparse
import copy
import statistics
import time

import torch
from cifar_resnet import resnet
from torch import nn
from torch.nn import functional as F

from evenkeel.torch import CriticalWarmup, ElrController, ElrProbe, HoldElr

BLOCK = 20


def bn_mlp() -> tuple[nn.Module, torch.Tensor]:
    """50 layers of 128 on 64 features."""
    layers: list[nn.Module] = []
    for index in range(50):
        layers += [nn.Linear(64 if index == 0 else 128, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(128, 10)), torch.randn(128, 64)


def resnet_20() -> tuple[nn.Module, torch.Tensor]:
    """ResNet-20 on images of 32×32."""
    return resnet(20, 16, shortcut=True), torch.randn(128, 3, 32, 32)


NETWORKS = {"bn-mlp-50": bn_mlp, "resnet-20": resnet_20}


def timed(owner: object, names: tuple[str, ...], spent: list[float]) -> None:
    """Add up the time in some methods."""
    for name in names:
        method = getattr(owner, name)

        def measured(*args: object, method: object = method) -> object:
            start = time.perf_counter()
            result = method(*args)
            spent.append(time.perf_counter() - start)
            return result

        setattr(owner, name, measured)


def steered(controller: ElrController, spent: list[float]) -> None:
    timed(controller, ("_prepare",), spent)
    hook = controller._hooks.pop()
    hook.remove()
    timed(controller, ("_post",), spent)
    controller.optimizer.register_step_post_hook(controller._post)


def plain(model: nn.Module, optimizer: torch.optim.Optimizer, spent: list[float]) -> None:
    """Nothing."""


def over(model: nn.Module, optimizer: torch.optim.Optimizer, spent: list[float]) -> None:
    steered(CriticalWarmup(optimizer, ElrProbe(model)), spent)


def acting(model: nn.Module, optimizer: torch.optim.Optimizer, spent: list[float]) -> None:
    controller = CriticalWarmup(optimizer, ElrProbe(model))
    controller._awake = lambda: True
    steered(controller, spent)


def held(model: nn.Module, optimizer: torch.optim.Optimizer, spent: list[float]) -> None:
    steered(HoldElr(optimizer, ElrProbe(model)), spent)


def items(model: nn.Module, optimizer: torch.optim.Optimizer, spent: list[float]) -> None:
    kept = {}
    for name, p in model.named_parameters():

        def hook(p: torch.Tensor, name: str = name) -> None:
            start = time.perf_counter()
            kept[name] = p.grad.norm().item()
            spent.append(time.perf_counter() - start)

        p.register_post_accumulate_grad_hook(hook)


def histograms(model: nn.Module, optimizer: torch.optim.Optimizer, spent: list[float]) -> None:
    kept = {}
    for name, p in model.named_parameters():

        def hook(p: torch.Tensor, name: str = name) -> None:
            start = time.perf_counter()
            flat = p.grad.reshape(-1)
            low, high = flat.min().item(), flat.max().item()
            kept[name] = torch.histc(flat, bins=64, min=low, max=high).tolist()
            spent.append(time.perf_counter() - start)

        p.register_post_accumulate_grad_hook(hook)


WAYS = [plain, over, acting, held, items, histograms]


class Loop:
    """One way's copy of the network, in training."""

    def __init__(self, way: object, model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
        self.model, self.x, self.y = copy.deepcopy(model), x, y
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-4)
        self.spent: list[float] = []
        way(self.model, self.optimizer, self.spent)

    def block(self) -> tuple[float, float]:
        """The time of a block of steps, and that in hooks."""
        self.spent.clear()
        start = time.perf_counter()
        for _ in range(BLOCK):
            self.optimizer.zero_grad()
            F.cross_entropy(self.model(self.x), self.y).backward()
            self.optimizer.step()
        return time.perf_counter() - start, sum(self.spent)


def quartiles(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{100 * middle:+.2f} % ({100 * low:+.2f} to {100 * high:+.2f})"


def measure(name: str, ways: list, seconds: float) -> None:
    model, x = NETWORKS[name]()
    y = torch.randint(0, 10, (len(x),))
    loops = [Loop(way, model, x, y) for way in ways]
    # Caches, and the steps in which the probe looks and the warm-up ends.
    for loop in loops:
        for _ in range(2):
            loop.block()
    ratios: list[list[float]] = [[] for _ in loops]
    hooks: list[list[float]] = [[] for _ in loops]
    base, end, round_ = [], time.perf_counter() + seconds, 0
    while time.perf_counter() < end or round_ < 3:
        order = [(round_ + offset) % len(loops) for offset in range(len(loops))]
        found = {index: loops[index].block() for index in order}
        base.append(found[0][0])
        for index, (total, spent) in found.items():
            ratios[index].append(total / found[0][0] - 1)
            hooks[index].append(spent / (total - spent))
        round_ += 1
    print(f"\n{name}: {statistics.median(base) / BLOCK * 1e3:.1f} ms a plain step, {round_} rounds of {BLOCK} steps")
    print("| way | step beside the plain one's (quartiles) | time in hooks, of the rest of the step |\n|---|---|---|")
    for way, ratio, hook in zip(ways[1:], ratios[1:], hooks[1:], strict=True):
        print(f"| {way.__name__} | {quartiles(ratio)} | {100 * statistics.median(hook):.2f} % |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--ways", nargs="+", choices=[way.__name__ for way in WAYS[1:]], default=[way.__name__ for way in WAYS[1:]])
    parser.add_argument("--seconds", type=float, default=50.0, help="for each network")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, {args.threads} threads, seed {args.seed}, batch 128, SGD")
    for name in args.network:
        measure(name, [plain, *(way for way in WAYS if way.__name__ in args.ways)], args.seconds)


if __name__ == "__main__":
    main()
