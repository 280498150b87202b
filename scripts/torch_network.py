"""PyTorch's side of evenkeel's networks: rebuilds one from the layer list of model.json alone."""

import torch
from torch.nn import functional as F


def group_norm(layer: dict, groups: int, x: torch.Tensor, parameters: dict) -> torch.Tensor:
    weight, bias = of(layer, parameters)
    return F.group_norm(x, groups, weight, bias, layer["eps"])


def layer_norm(layer: dict, x: torch.Tensor, parameters: dict) -> torch.Tensor:
    if x.ndim > 2:
        return group_norm(layer, 1, x, parameters)
    return F.layer_norm(x, x.shape[1:], *of(layer, parameters), layer["eps"])


def rms_norm(layer: dict, x: torch.Tensor, parameters: dict) -> torch.Tensor:
    weight, _ = of(layer, parameters)
    rms = (x.square().flatten(1).mean(1) + layer["eps"]).sqrt()
    per_example, per_feature = [-1] + [1] * (x.ndim - 1), [1, -1] + [1] * (x.ndim - 2)
    return x / rms.view(per_example) * weight.view(per_feature)


def of(layer: dict, parameters: dict) -> tuple:
    """Weight and bias of a layer; None for what it has not."""
    return tuple(parameters.get(f"{layer['name']}.{leaf}") for leaf in ("weight", "bias"))


def sequences(layer: dict, x: torch.Tensor) -> torch.Tensor:
    """Rows as [batch, context, features]."""
    return x.view(-1, layer["context"], x.shape[-1])


def positions(layer: dict, x: torch.Tensor, parameters: dict) -> torch.Tensor:
    batch = x.shape[0] if not x.is_floating_point() else x.shape[0] // layer["context"]
    return of(layer, parameters)[0].repeat(batch, 1)


def class_token(layer: dict, x: torch.Tensor, parameters: dict) -> torch.Tensor:
    x = sequences(layer, x)
    token = of(layer, parameters)[0].expand(x.shape[0], 1, -1)
    return torch.cat((token, x), 1).flatten(0, 1)


def attention(layer: dict, x: torch.Tensor, parameters: dict) -> torch.Tensor:
    def heads(part: str) -> torch.Tensor:
        y = sequences(layer, run(layer[part], x, parameters))
        return y.unflatten(2, (layer["heads"], -1)).transpose(1, 2)

    y = F.scaled_dot_product_attention(*map(heads, ("query", "key", "value")), is_causal=layer["causal"])
    return y.transpose(1, 2).flatten(2).flatten(0, 1)


LAYERS = {
    "linear": lambda l, x, p: F.linear(x, *of(l, p)),
    "conv": lambda l, x, p: F.conv2d(x, *of(l, p), stride=l["stride"], padding=l["padding"]),
    "batch_norm": lambda l, x, p: F.batch_norm(x, None, None, *of(l, p), training=True, eps=l["eps"]),
    "layer_norm": layer_norm,
    "group_norm": lambda l, x, p: group_norm(l, l["groups"], x, p),
    "rms_norm": rms_norm,
    "relu": lambda l, x, p: F.relu(x),
    "gelu": lambda l, x, p: F.gelu(x),
    "tanh": lambda l, x, p: torch.tanh(x),
    "image": lambda l, x, p: x.reshape(-1, l["channels"], l["height"], l["width"]),
    "max_pool": lambda l, x, p: F.max_pool2d(x, l["kernel"], l["stride"], l["padding"]),
    "average_pool": lambda l, x, p: x.mean((2, 3)),
    "subsample": lambda l, x, p: F.pad(x[:, :, :: l["stride"], :: l["stride"]], (0, 0, 0, 0, 0, l["zeros"])),
    "sequence": lambda l, x, p: x.flatten(2).transpose(1, 2).flatten(0, 1),
    "embedding": lambda l, x, p: F.embedding(x, of(l, p)[0]).flatten(0, 1),
    "tied_embedding": lambda l, x, p: run(l["body"], F.embedding(x, of(l, p)[0]).flatten(0, 1), p) @ of(l, p)[0].T,
    "positions": positions,
    "class_token": class_token,
    "first_token": lambda l, x, p: sequences(l, x)[:, 0],
    "attention": attention,
    "residual": lambda l, x, p: run(l["body"], x, p) + run(l["shortcut"], x, p),
}


def run(layers: list, x: torch.Tensor, parameters: dict) -> torch.Tensor:
    """What the layers of model.json make of an input."""
    for layer in layers:
        x = LAYERS[layer["type"]](layer, x, parameters)
    return x
