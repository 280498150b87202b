#!/usr/bin/env python3
"""Writes docs/reference/python-api.md from the docstrings of the Python module, or checks that it is what they say.

    pip install . -r crates/evenkeel-python/tests/requirements.txt
    python scripts/python_api.py [--check]
"""

import argparse
import importlib
import inspect
import pathlib
import re
import sys

PAGE = pathlib.Path(__file__).resolve().parents[1] / "docs/reference/python-api.md"

# Modules, and what to show of those that do not say so by __all__.
MODULES = {
    "evenkeel": None,
    "evenkeel.torch": None,
    "evenkeel.torch.lightning": ["ElrCallback"],
    "evenkeel.torch.transformers": ["ElrCallback"],
    "evenkeel.optax": ["steered", "log_dict", "names"],
}

HEAD = """# The Python module's reference

Written by `python scripts/python_api.py` from the docstrings. [The PyTorch tutorial](../tutorials/pytorch.md) is the guide,
[From a log](../from-a-log.md) begins with the log of a run; T numbers are those of [the theory](../theory.md).
"""


def signature(thing: object) -> str:
    """Arguments as they are written."""
    try:
        text = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return "(…)"
    # Annotations are kept as text, and shown without its quotes; defaults keep theirs.
    text = re.sub(r"""(: |-> )(["'])(.*?)\2(?=[,)=]| =|$)""", r"\1\3", text)
    return re.sub(r"\((self|/|\$self)(, /)?(, )?", "(", text).replace("typing.", "")


def doc(thing: object) -> str:
    """A docstring as Markdown."""
    text = inspect.cleandoc(getattr(thing, "__doc__", None) or "")
    return re.sub(r":\w+:`(\w+)`", r"`\1`", text).replace("``", "`")


def members(kind: type) -> list[str]:
    """Properties and methods that the project has written, each with the first sentence of its doc."""
    lines, seen = [], set()
    for owner in kind.__mro__:
        if not owner.__module__.startswith("evenkeel"):
            continue
        for name, member in sorted(vars(owner).items()):
            member = getattr(member, "__func__", member)
            if name.startswith("_") or name in seen or not doc(member):
                continue
            seen.add(name)
            called = signature(member) if callable(member) else ""
            first = doc(member).split("\n\n")[0].replace("\n", " ")
            lines.append(f"- `{name}{called}`: {first}")
    return lines


def section(module: str, names: list[str] | None) -> list[str]:
    found = importlib.import_module(module)
    parts = [f"## `{module}`", doc(found)]
    for name in names or found.__all__:
        thing = getattr(found, name)
        if inspect.isclass(thing):
            built = signature(thing) if "__init__" in vars(thing) else ""
            text = "" if issubclass(thing, Exception) and not doc(thing) else doc(thing)
            parts += [f"### `{name}{built}`", text, "\n".join(members(thing))]
        elif callable(thing):
            parts += [f"### `{name}{signature(thing)}`", doc(thing)]
    return [part for part in parts if part]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether the page is what the docstrings say")
    check = parser.parse_args().check
    text = "\n\n".join([HEAD.rstrip(), *(part for module, names in MODULES.items() for part in section(module, names))]) + "\n"
    if not check:
        PAGE.write_text(text)
    elif PAGE.read_text() != text:
        print(f"{PAGE} is not what the docstrings say; write it with: python scripts/python_api.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
