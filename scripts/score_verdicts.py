#!/usr/bin/env python3
"""Scores the probe's verdicts against the definition, on models of timm and transformers.

Development only: pip install . torch timm transformers, then

    python scripts/score_verdicts.py [--models resnet18 convnext_atto …] [--looks 6]

The truth is judged in float64 by the definition itself: the ε of all norms is 1e-14, every parameter is moved by
some 10 %, so that nothing is zero by initialisation, and L(aW) = L(W) for a of one half and two. The probe sees what
a user gives it: float32, the model as it is built, SGD with momentum. What is printed for each model are the
weights that the probe judges otherwise; at the end, precision and recall over all of them.
"""

import argparse
import copy

import torch
from torch import nn
from torch.nn import functional as F

from evenkeel.torch import ElrProbe

MODELS = ["resnet18", "convnext_atto", "mobilenetv3_small_050", "vit_tiny_patch16_224", "test_vit", "llama", "qwen3", "olmo2", "bert"]
LANGUAGE = dict(
    vocab_size=97, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64
)
CONFIGS = {
    "llama": ("LlamaForCausalLM", "LlamaConfig", LANGUAGE),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", LANGUAGE | {"head_dim": 16}),
    "olmo2": ("Olmo2ForCausalLM", "Olmo2Config", LANGUAGE),
    "bert": ("BertForMaskedLM", "BertConfig", LANGUAGE),
}


def build(name: str) -> tuple[nn.Module, list]:
    """A model in training mode, and six batches."""
    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(1)
    if name in CONFIGS:
        import transformers

        kind, config, settings = CONFIGS[name]
        model = getattr(transformers, kind)(getattr(transformers, config)(**settings))
        return model.train(), [torch.randint(3, 97, (4, 16), generator=draw) for _ in range(6)]
    import timm

    try:
        model = timm.create_model(name, num_classes=10, img_size=64)
    except TypeError:
        model = timm.create_model(name, num_classes=10)
    pairs = [(torch.randn(4, 3, 64, 64, generator=draw), torch.randint(0, 10, (4,), generator=draw)) for _ in range(6)]
    return model.train(), pairs


def loss(model: nn.Module, batch, seed: int) -> torch.Tensor:
    """The loss on a batch, with the same random numbers for the same seed."""
    torch.manual_seed(seed)
    if isinstance(batch, tuple):
        return F.cross_entropy(model(batch[0].to(next(model.parameters()).dtype)), batch[1])
    return model(input_ids=batch, labels=batch).loss


@torch.no_grad()
def truth(model: nn.Module, batch) -> dict[str, bool]:
    """Whether L(aW) = L(W) in float64."""
    model = copy.deepcopy(model).double()
    for part in model.modules():
        for name in ("eps", "variance_epsilon", "epsilon"):
            if isinstance(getattr(part, name, None), float):
                setattr(part, name, 1e-14)
    draw = torch.Generator().manual_seed(2)
    for p in model.parameters():
        spread = 0.1 * float(p.abs().mean() if p.abs().sum() > 0 else 1.0)
        p.add_(torch.randn(p.shape, generator=draw, dtype=torch.float64) * spread)
    before = float(loss(model, batch, 7))
    found = {}
    for name, p in model.named_parameters():
        if p.ndim < 2:
            continue
        kept, worst = p.clone(), 0.0
        for factor in (0.5, 2.0):
            p.copy_(kept * factor)
            worst = max(worst, abs(float(loss(model, batch, 7)) - before))
            p.copy_(kept)
        found[name] = worst < 1e-8 * max(1.0, abs(before))
    return found


def verdicts(model: nn.Module, batches: list, looks: int) -> dict[str, str]:
    """What the probe says after some steps of training."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    probe = ElrProbe(model)
    for step in range(looks):
        optimizer.zero_grad()
        loss(model, batches[step % len(batches)], 100 + step).backward()
        probe.look()
        optimizer.step()
    return probe.roles


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--looks", type=int, default=6)
    args = parser.parse_args()
    right = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for name in args.models:
        model, batches = build(name)
        expected = truth(model, batches[0])
        roles = verdicts(model, batches, args.looks)
        for weight, invariant in expected.items():
            says = roles.get(weight) == "scale-invariant"
            right[says, invariant] += 1
            if says != invariant:
                print(f"{name}: {weight} is {'invariant' if invariant else 'dependent'}, the probe says {roles.get(weight)}")
    hits, false, missed = right[True, True], right[True, False], right[False, True]
    print(f"precision {hits / max(1, hits + false):.3f}, recall {hits / max(1, hits + missed):.3f}, {sum(right.values())} weights")


if __name__ == "__main__":
    main()
