"""A network of `evenkeel snapshot`, as a module of PyTorch."""

from __future__ import annotations

import json
import pathlib

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch_network import run


class Rebuilt(nn.Module):
    """Its layers, weights and batch, from the folder alone."""

    def __init__(self, folder: pathlib.Path, dtype: torch.dtype) -> None:
        super().__init__()
        self.layers = json.loads((folder / "model.json").read_text())["layers"]
        for name, weight in load_file(folder / "weights.safetensors").items():
            *path, leaf = name.split(".")
            module: nn.Module = self
            for part in path:
                if part not in dict(module.named_children()):
                    module.add_module(part, nn.Module())
                module = module.get_submodule(part)
            module.register_parameter(leaf, nn.Parameter(weight.to(dtype)))
        batch = load_file(folder / "batch.safetensors")
        self.x, self.y = batch["input"], batch["target"]
        if self.x.is_floating_point():
            self.x = self.x.to(dtype)

    def loss(self) -> Tensor:
        """The loss on the batch."""
        return F.cross_entropy(run(self.layers, self.x, dict(self.named_parameters())), self.y)
