#!/usr/bin/env python3
"""Checks the documentation: links, anchors, the book's index, and the length of the README.

    python3 scripts/check_docs.py [--book target/book]

Relative links must lead to a file of the repository, their anchors to a heading. Links to the
repository itself must begin with the address in Cargo.toml and lead to a file. Other links are not
followed. Every page under docs/ must be in docs/SUMMARY.md. With --book, the links of a book that mdBook
has built must lead to its files.
"""

import argparse
import functools
import pathlib
import re
import subprocess
import sys
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parents[1]
ADDRESS = re.search(r'^repository = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
README_WORDS = 900

CODE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|\b(?:src|href)=\"([^\"]+)\"")


def tracked(pattern: str) -> list[pathlib.Path]:
    """Files that git knows or would add."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", pattern], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


@functools.cache
def anchors(page: pathlib.Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and mdBook make them."""
    found: dict[str, int] = {}
    result = set()
    for title in re.findall(r"^#{1,6} +(.+?) *#*$", CODE.sub("", page.read_text()), re.MULTILINE):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "").replace("*", "").lower()
        kept = "".join(c for c in title if c in " -_" or unicodedata.category(c)[0] in "LN" or unicodedata.category(c) == "Mn")
        slug = kept.replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        result.add(f"{slug}-{count}" if count else slug)
    return result


def wrong_with(link: str, page: pathlib.Path) -> str | None:
    """What is wrong with a link of a page, if anything."""
    if link.startswith(ADDRESS + "/blob/main/"):
        path, base = link.removeprefix(ADDRESS + "/blob/main/"), ROOT
    elif re.match(r"https://github\.com/[\w-]*/?evenkeel", link):
        return None if link.startswith(ADDRESS) else f"is not at the address in Cargo.toml, {ADDRESS}"
    elif re.match(r"[a-z]+:", link):
        return None
    else:
        path, base = link, page.parent
    name, _, anchor = path.partition("#")
    target = (base / name).resolve() if name else page
    if not target.exists():
        return "leads nowhere"
    if anchor and target.suffix == ".md" and anchor not in anchors(target):
        return f"has no such heading; there are {', '.join(sorted(anchors(target))[:8])} …"
    return None


def book_errors(book: pathlib.Path) -> list[str]:
    """Links between the pages of a built book that lead nowhere."""
    errors = []
    for page in book.rglob("*.html"):
        # print.html has all chapters in one page, 404.html is shown anywhere.
        if page.name not in ("print.html", "toc.html", "404.html"):
            links = set(re.findall(r"(?:href|src)=\"(?![a-z]+:|//)([^\"#]+)", page.read_text()))
            errors += [f"{page.relative_to(book)}: {link} leads nowhere" for link in sorted(links) if not (page.parent / link).exists()]
    return errors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--book", type=pathlib.Path, help="a book that mdBook has built")
    book = parser.parse_args().book
    errors = book_errors(book) if book else []
    for page in tracked("*.md"):
        if not page.is_relative_to(ROOT / "shared"):
            text = CODE.sub("", page.read_text())
            for found in LINK.finditer(re.sub(r"`[^`\n]*`", "", text)):
                link = found[1] or found[2]
                if problem := wrong_with(link, page):
                    errors.append(f"{page.relative_to(ROOT)}: {link} {problem}")
    index = (ROOT / "docs/SUMMARY.md").read_text()
    for page in tracked("docs/*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        if name != "SUMMARY.md" and not re.match(r"results/performance", name) and f"({name})" not in index:
            errors.append(f"docs/{name} is not in docs/SUMMARY.md")
    words = len((ROOT / "README.md").read_text().split())
    if words > README_WORDS:
        errors.append(f"README.md has {words} words, but at most {README_WORDS} are permitted")
    for error in errors:
        print(error, file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
