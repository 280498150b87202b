#!/usr/bin/env python3
"""An mdBook preprocessor: formulas for MathJax, and links that lead out of the book.

Markdown would read `_` and `\\` within $…$ and $$…$$ as markup. Pages that are not chapters, and files
outside docs/, are shown where the repository is. GitHub needs neither step.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
ADDRESS = re.search(r'^repository = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
CODE_OR_MATH = re.compile(r"(^```.*?^```|`[^`\n]*`)|\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def formula(found: re.Match[str]) -> str:
    code, display, inline = found.groups()
    if code is not None:
        return code
    text = re.sub(r"([\\_*`\[\]<>|~^])", r"\\\1", display or inline)
    return f"\\\\[{text}\\\\]" if display else f"\\\\({text}\\\\)"


def visit(items: list[dict], chapters: set[pathlib.Path]) -> None:
    for item in items:
        if not isinstance(item, dict) or not (chapter := item.get("Chapter")):
            continue

        def link(found: re.Match[str], page: pathlib.Path = ROOT / "docs" / chapter["path"]) -> str:
            target = (page.parent / found[1]).resolve()
            outside = not target.is_relative_to(ROOT / "docs") or (target.suffix == ".md" and target not in chapters)
            # mdBook calls a folder's README index.html.
            return f"]({ADDRESS}/blob/main/{target.relative_to(ROOT)}{found[2] or ''})" if outside else found[0].replace("README.md", "index.md")

        chapter["content"] = CODE_OR_MATH.sub(formula, LINK.sub(link, chapter["content"]))
        visit(chapter["sub_items"], chapters)


def paths(items: list[dict]) -> set[pathlib.Path]:
    found = [item["Chapter"] for item in items if isinstance(item, dict) and "Chapter" in item]
    return {ROOT / "docs" / chapter["path"] for chapter in found}.union(*(paths(chapter["sub_items"]) for chapter in found))


if len(sys.argv) > 1 and sys.argv[1] == "supports":
    sys.exit(0)
_context, book = json.load(sys.stdin)
top = book.get("items") or book.get("sections") or []
visit(top, paths(top))
json.dump(book, sys.stdout)
