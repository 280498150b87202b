#!/usr/bin/env python3
"""PyTorch's side of `bench_torch.py`: trains a network that evenkeel has written, as it is told.

    python scripts/bench/torch_steps.py FOLDER THREADS

Reads network, weights and batches from FOLDER, then answers each line of JSON on its input with one
on its output, like `crates/evenkeel-train/benches/step`. A `way` is what PyTorch can be set to.
"""

import json
import pathlib
import sys
import time

import torch
from safetensors.torch import load_file
from torch.nn import functional as F

sys.path.append(str(pathlib.Path(__file__).parents[1]))
from torch_network import run

# How plain SGD does its update.
OPTIMIZERS = {"loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}


class Rig:
    """A network in training, one step at a time."""

    def __init__(self, folder: pathlib.Path, layout: str, optimizer: str, compiled: bool, dtype: str):
        self.layers = json.loads((folder / "model.json").read_text())["layers"]
        self.dtype = getattr(torch, dtype)
        self.channels_last = layout == "channels_last"
        weights = load_file(folder / "weights.safetensors")
        self.parameters = {name: self.laid_out(w).requires_grad_() for name, w in weights.items()}
        self.batches = load_file(folder / "batches.safetensors")
        self.optimizer = torch.optim.SGD(self.parameters.values(), lr=0.0, **OPTIMIZERS[optimizer])
        self.loss = torch.compile(self.loss_of) if compiled else self.loss_of
        self.step_number = 0

    def laid_out(self, tensor: torch.Tensor) -> torch.Tensor:
        tensor = tensor.to(self.dtype)
        if tensor.ndim == 4 and self.channels_last:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    def batch(self) -> tuple:
        """The next batch; after the last comes the first again."""
        number = self.step_number % (len(self.batches) // 2)
        x, target = self.batches[f"input.{number}"], self.batches[f"target.{number}"]
        if not x.is_floating_point():
            return x, target
        image = self.layers[0]
        if image["type"] == "image":
            x = x.view(-1, image["channels"], image["height"], image["width"])
        return self.laid_out(x), target

    def loss_of(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(run(self.layers, x, self.parameters), target)

    def step(self, rate: float) -> tuple:
        """Seconds and loss of a step."""
        x, target = self.batch()
        self.optimizer.param_groups[0]["lr"] = rate
        start = time.perf_counter()
        loss = self.loss(x, target)
        value = loss.item()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        seconds = time.perf_counter() - start
        self.step_number += 1
        return seconds, value


def main() -> None:
    folder, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    rigs: dict = {}
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        way = tuple(command["way"])
        if way not in rigs:
            rigs[way] = Rig(folder, *way)
        try:
            seconds, losses = zip(*[rigs[way].step(rate) for rate in command["rates"]])
            answer = {"seconds": seconds, "losses": losses}
        except Exception as error:  # What the compiler cannot do is a result, too.
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
