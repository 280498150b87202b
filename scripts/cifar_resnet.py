#!/usr/bin/env python3
"""The paper's residual networks on CIFAR-10, on a GPU, steered by `evenkeel.torch`.

Development only: a GPU, pip install torch pillow, and evenkeel itself (pip install .). CIFAR is a folder of images,
train/CLASS/*.png and test/CLASS/*.png, .jpg or any other.

    python scripts/cifar_resnet.py train --data cifar10 --out runs.jsonl --controls none hold --lrs 0.1 0.3 --steps 2000
    python scripts/cifar_resnet.py time --data cifar10

`train` does every combination that --out does not have yet, several at a time; each is a line in --out. Networks are
those of He et al. 2016 for CIFAR (v1, shortcuts of option A), batch 128, momentum 0.9, L2 1e-4, random crop and flip,
cosine schedule. `linear:N` is a warm-up of N steps, all else a control of `evenkeel train`. `time` tells what
measuring and steering cost beside a training step.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import pathlib
import statistics
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from multiprocessing import get_context

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evenkeel import spread
from evenkeel.torch import ElrController, ElrProbe

BATCH = 128
CONV = dict(kernel_size=3, padding=1, bias=False)


class Block(nn.Module):
    """Two convolutions, and what goes past them."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, stride=stride, **CONV)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, **CONV)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.stride, self.more, self.shortcut = stride, outputs - inputs, shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        if self.shortcut:
            y = y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return F.relu(y)


def resnet(depth: int, width: int, shortcut: bool) -> nn.Module:
    """ResNet v1 for CIFAR."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, **CONV), nn.BatchNorm2d(width), nn.ReLU()]
    inputs = width
    for stage, block in itertools.product(range(3), range((depth - 2) // 6)):
        outputs = width << stage
        layers.append(Block(inputs, outputs, 2 if stage and not block else 1, shortcut))
        inputs = outputs
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return model


def images(folder: pathlib.Path, part: str) -> tuple[Tensor, Tensor]:
    """A part of the data, in bytes, read once and kept beside the folder."""
    kept = folder / f"{part}.pt"
    if not kept.exists():
        import numpy as np
        from PIL import Image

        classes = sorted(path.name for path in (folder / part).iterdir())
        files = [(path, i) for i, name in enumerate(classes) for path in sorted((folder / part / name).iterdir())]
        with ThreadPoolExecutor() as pool:
            read = pool.map(lambda file: np.asarray(Image.open(file[0]).convert("RGB")), files)
            x = torch.from_numpy(np.stack(list(read))).permute(0, 3, 1, 2).contiguous()
        torch.save((x, torch.tensor([label for _, label in files])), kept)
    x, y = torch.load(kept)
    return x.cuda(), y.cuda()


class Data:
    """CIFAR-10 on the GPU."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.x, self.y = images(folder, "train")
        self.test = images(folder, "test")
        bytes_ = self.x.float().div(255)
        self.mean, self.scale = bytes_.mean((0, 2, 3), keepdim=True), bytes_.std((0, 2, 3), keepdim=True)

    def normal(self, x: Tensor) -> Tensor:
        """Pixels with mean 0 and variance 1 in each channel."""
        return ((x.float() / 255 - self.mean) / self.scale).contiguous(memory_format=torch.channels_last)

    def batches(self, seed: int):
        """Batches without end, each epoch in an order of its own; images shifted by up to 4 pixels and mirrored."""
        generator = torch.Generator(device="cuda").manual_seed(seed)
        side = torch.arange(32, device="cuda")

        def random(high: int) -> Tensor:
            return torch.randint(high, (BATCH, 1), generator=generator, device="cuda")

        while True:
            order = torch.randperm(len(self.x), generator=generator, device="cuda")
            for rows in order[: len(order) // BATCH * BATCH].split(BATCH):
                padded = F.pad(self.x[rows], (4, 4, 4, 4))
                down, right = side + random(9), side + random(9)
                right = torch.where(random(2) > 0, right, right.flip(1))
                index = torch.arange(BATCH, device="cuda")[:, None, None]
                shifted = padded.permute(0, 2, 3, 1)[index, down[:, :, None], right[:, None, :]]
                yield self.normal(shifted.permute(0, 3, 1, 2)), self.y[rows]

    @torch.no_grad()
    def accuracy(self, model: nn.Module) -> float:
        """The share of test images told apart."""
        model.eval()
        x, y = self.test
        right = sum((model(self.normal(x)).argmax(1) == y).sum() for x, y in zip(x.split(1000), y.split(1000)))
        model.train()
        return right.item() / len(y)


class Step:
    """Forward and backward pass, recorded once as a CUDA graph, so that Python is not what takes the time."""

    def __init__(self, model: nn.Module, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x.clone(memory_format=torch.channels_last), y.clone()
        state = {name: value.clone() for name, value in model.state_dict().items()}
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                model.zero_grad(set_to_none=True)
                F.cross_entropy(model(self.x), self.y).backward()
        torch.cuda.current_stream().wait_stream(stream)
        model.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss = F.cross_entropy(model(self.x), self.y)
            self.loss.backward()
        model.load_state_dict(state)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        self.x.copy_(x)
        self.y.copy_(y)
        self.graph.replay()
        return self.loss


def rate(control: str, steps: int, step: int) -> float:
    """The share of the learning rate: a cosine, with a linear warm-up if that is the control."""
    name, _, length = control.partition(":")
    warm = min(1.0, (step + 1) / int(length)) if name == "linear" else 1.0
    return warm * 0.5 * (1 + math.cos(math.pi * step / steps))


def train(folder: pathlib.Path, spec: dict) -> dict:
    """One run, and what came of it."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.set_num_threads(1)
    torch.manual_seed(spec["seed"])
    data = Data(folder)
    model = resnet(spec["depth"], spec["width"], spec["shortcut"]).cuda().to(memory_format=torch.channels_last)
    batches = data.batches(spec["seed"])
    step = Step(model, *next(batches))
    optimizer = torch.optim.SGD(model.parameters(), lr=spec["lr"], momentum=spec["momentum"], weight_decay=1e-4)
    control = spec["control"]
    probe = ElrProbe(model, every=1)
    controller = ElrController(optimizer, probe, "none" if control.startswith("linear") else control)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: rate(control, spec["steps"], i))
    begun, losses, spreads, failed = time.perf_counter(), [], [], None
    try:
        for x, y in itertools.islice(batches, spec["steps"]):
            losses.append(step(x, y).clone())
            optimizer.step()
            schedule.step()
            if probe.reading is not None:
                spreads.append(acting_spread(controller))
    except Exception as error:  # what a run that diverged says of itself
        failed = str(error)
    last = torch.stack(losses[-50:]).mean().item()
    result = {
        "spread_first": spreads[0] if spreads else None,
        "spread_median": statistics.median(spreads) if spreads else None,
        "loss": last if math.isfinite(last) and not failed else None,
        "accuracy": data.accuracy(model) if math.isfinite(last) and not failed else 0.1,
        "failed": failed,
        "measure": controller.measure,
        "layers": len(probe.layers),
        "ms_per_step": (time.perf_counter() - begun) / max(1, len(losses)) * 1e3,
    }
    return spec | result


def acting_spread(controller: ElrController) -> float:
    """Range in decades between the ELRs that acted in the last step."""
    elr = controller.plan.elr if controller.plan is not None else controller.probe.reading.elr
    return spread(elr[elr > 0]).decades


def sweep(arguments: argparse.Namespace) -> None:
    """Every combination that is not there yet."""
    def key(spec: dict) -> str:
        return json.dumps([spec[name] for name in ("depth", "width", "shortcut", "control", "lr", "seed", "steps", "momentum")])

    there = set()
    if arguments.out.exists():
        there = {key(json.loads(line)) for line in arguments.out.read_text().splitlines()}
    specs = [
        dict(depth=depth, width=arguments.width, shortcut=shortcut, control=control, lr=lr, seed=seed,
             steps=arguments.steps, momentum=arguments.momentum)
        for seed, depth, shortcut, lr, control in itertools.product(
            range(arguments.seeds), arguments.depths, [s == "with" for s in arguments.shortcuts],
            arguments.lrs, arguments.controls)
    ]
    specs = [spec for spec in specs if key(spec) not in there]
    Data(arguments.data)
    with ProcessPoolExecutor(arguments.workers, get_context("spawn")) as pool:
        for done in as_completed([pool.submit(train, arguments.data, spec) for spec in specs]):
            with arguments.out.open("a") as out:
                out.write(json.dumps(done.result()) + "\n")
            print(json.dumps(done.result()), flush=True)


def timed(arguments: argparse.Namespace) -> None:
    """What a step takes, with and without a probe and a control, in turns."""
    data = Data(arguments.data)
    for shortcut in (True, False):
        model = resnet(arguments.depths[0], arguments.width, shortcut).cuda().to(memory_format=torch.channels_last)
        batches = data.batches(0)
        step = Step(model, *next(batches))
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

        def seconds(count: int = 100) -> float:
            for i, (x, y) in enumerate(itertools.islice(batches, count + 10)):
                if i == 10:
                    torch.cuda.synchronize()
                    begun = time.perf_counter()
                step(x, y)
                optimizer.step()
            torch.cuda.synchronize()
            return (time.perf_counter() - begun) / count

        ways: dict[str, list[float]] = {}
        for _ in range(5):
            for control, asynchronous in [(None, False), ("none", False), ("none", True), ("critical+hold", False), ("critical+hold", True)]:
                controller = None
                if control is not None:
                    probe = ElrProbe(model, every=1, asynchronous=asynchronous)
                    controller = ElrController(optimizer, probe, control)
                name = "bare" if control is None else control + (" asynchronous" if asynchronous else "")
                ways.setdefault(name, []).append(seconds())
                if controller is not None:
                    controller.close()
        for name, times in ways.items():
            told = ", ".join(f"{t * 1e3:.2f}" for t in sorted(times))
            share = statistics.median(t / bare for t, bare in zip(times, ways["bare"])) - 1
            print(f"shortcut={shortcut} {name}: {told} ms a step; {share:+.1%} of a bare step", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "time"])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of images")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("cifar_resnet.jsonl"))
    parser.add_argument("--depths", type=int, nargs="+", default=[56])
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--shortcuts", choices=["with", "without"], nargs="+", default=["without", "with"])
    parser.add_argument("--controls", nargs="+", default=["none", "critical", "linear:200", "hold", "critical+hold"])
    parser.add_argument("--lrs", type=float, nargs="+", default=[0.03, 0.1, 0.3])
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=4, help="runs at a time")
    arguments = parser.parse_args()
    {"train": sweep, "time": timed}[arguments.what](arguments)


if __name__ == "__main__":
    main()
