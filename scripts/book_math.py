#!/usr/bin/env python3
"""An mdBook preprocessor: passes $…$ and $$…$$ to MathJax as they are written.

Markdown would read `_` and `\\` within formulas as markup. GitHub needs no such step.
"""

import json
import re
import sys

CODE_OR_MATH = re.compile(r"(^```.*?^```|`[^`\n]*`)|\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.DOTALL | re.MULTILINE)


def escaped(formula: str) -> str:
    return re.sub(r"([\\_*`\[\]<>|~^])", r"\\\1", formula)


def shown(found: re.Match[str]) -> str:
    code, display, inline = found.groups()
    if code is not None:
        return code
    return f"\\\\[{escaped(display)}\\\\]" if display is not None else f"\\\\({escaped(inline)}\\\\)"


def visit(items: list[dict]) -> None:
    for item in items:
        if isinstance(item, dict) and (chapter := item.get("Chapter")):
            chapter["content"] = CODE_OR_MATH.sub(shown, chapter["content"])
            visit(chapter["sub_items"])


if len(sys.argv) > 1 and sys.argv[1] == "supports":
    sys.exit(0)
_context, book = json.load(sys.stdin)
visit(book.get("items") or book.get("sections") or [])
json.dump(book, sys.stdout)
