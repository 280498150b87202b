"""How much a training step has to compute and to move, counted from the layers of model.json.

Products of matrices and convolutions only: twice their multiplications forward, as much again for
the gradient of the weights, and for that of the input, which the first layer does not need. Causal
attention counts what is seen. Numbers moved are those of the outputs of all layers, once, and beside them the
weights of linear layers and convolutions."""

from dataclasses import dataclass


@dataclass
class Count:
    """A signal on its way through the layers: its shape, and what was counted."""

    shape: tuple
    learns: bool = False
    flops: float = 0.0
    numbers: float = 0.0
    weights: float = 0.0

    def product(self, multiplications: float) -> None:
        self.flops += 2 * multiplications * (3 if self.learns else 2)
        self.learns = True

    def becomes(self, *shape: int) -> None:
        self.shape = shape
        size = 1
        for side in shape:
            size *= side
        self.numbers += size


def linear(layer: dict, count: Count) -> None:
    rows = count.shape[0]
    weights = layer["inputs"] * layer["outputs"]
    count.weights += weights
    count.product(rows * weights)
    count.becomes(rows, layer["outputs"])


def windows(layer: dict, side: int) -> int:
    return (side + 2 * layer["padding"] - layer["kernel"]) // layer["stride"] + 1


def conv(layer: dict, count: Count) -> None:
    batch, _, height, width = count.shape
    height, width = windows(layer, height), windows(layer, width)
    weights = layer["inputs"] * layer["kernel"] ** 2 * layer["outputs"]
    count.weights += weights
    count.product(batch * height * width * weights)
    count.becomes(batch, layer["outputs"], height, width)


def max_pool(layer: dict, count: Count) -> None:
    batch, channels, height, width = count.shape
    count.becomes(batch, channels, windows(layer, height), windows(layer, width))


def subsample(layer: dict, count: Count) -> None:
    batch, channels, height, width = count.shape
    stride = layer["stride"]
    count.becomes(batch, channels + layer["zeros"], -(-height // stride), -(-width // stride))


def look_up(layer: dict, count: Count) -> None:
    batch, context = count.shape
    count.becomes(batch * context, layer["width"])
    count.learns = True
    for inner in layer.get("body", []):
        one(inner, count)
    if layer["type"] == "tied_embedding":
        rows = count.shape[0]
        count.product(rows * layer["width"] * layer["vocabulary"])
        count.becomes(rows, layer["vocabulary"])


def positions(layer: dict, count: Count) -> None:
    rows = count.shape[0] if count.learns else count.shape[0] * layer["context"]
    count.becomes(rows, layer["width"])
    count.learns = True


def class_token(layer: dict, count: Count) -> None:
    rows, width = count.shape
    count.becomes(rows + rows // layer["context"], width)


def attention(layer: dict, count: Count) -> None:
    before = count.shape
    for part in ("query", "key", "value"):
        count.shape = before
        walk(layer[part], count)
    rows, width = count.shape
    seen = (layer["context"] + 1) / 2 if layer["causal"] else layer["context"]
    for _ in ("scores", "values"):
        count.product(rows * seen * width)
    count.becomes(rows, width)


def residual(layer: dict, count: Count) -> None:
    before, learns = count.shape, count.learns
    walk(layer["body"], count)
    after = count.shape
    count.shape, count.learns = before, learns
    walk(layer["shortcut"], count)
    count.learns = True
    count.becomes(*after)


def image(layer: dict, count: Count) -> None:
    count.shape = (count.shape[0], layer["channels"], layer["height"], layer["width"])


def average_pool(layer: dict, count: Count) -> None:
    count.becomes(*count.shape[:2])


def sequence(layer: dict, count: Count) -> None:
    batch, channels, height, width = count.shape
    count.becomes(batch * height * width, channels)


def first_token(layer: dict, count: Count) -> None:
    count.becomes(count.shape[0] // layer["context"], count.shape[1])


def same(layer: dict, count: Count) -> None:
    """Norms and activations."""
    count.becomes(*count.shape)


LAYERS = {
    "linear": linear,
    "conv": conv,
    "max_pool": max_pool,
    "subsample": subsample,
    "embedding": look_up,
    "tied_embedding": look_up,
    "positions": positions,
    "class_token": class_token,
    "attention": attention,
    "residual": residual,
    "image": image,
    "average_pool": average_pool,
    "sequence": sequence,
    "first_token": first_token,
}


def one(layer: dict, count: Count) -> None:
    LAYERS.get(layer["type"], same)(layer, count)


def walk(layers: list, count: Count) -> None:
    for layer in layers:
        one(layer, count)


def count(layers: list, shape: tuple) -> Count:
    """What a step on a batch of this shape counts."""
    total = Count(tuple(shape))
    walk(layers, total)
    return total
