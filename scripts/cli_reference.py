#!/usr/bin/env python3
"""Writes docs/reference/cli.md from the program's own help, or checks it.

    cargo build --release && python3 scripts/cli_reference.py [--check] [PROGRAM]
"""

import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/reference/cli.md"
HEAD = """# Reference: command line

Written by `python3 scripts/cli_reference.py` from the program's help. `evenkeel COMMAND -h` prints the
short form, `--help` the long one; `evenkeel completions SHELL` prints completions for a shell.
"""


def help_of(program: pathlib.Path, command: list[str]) -> str:
    done = subprocess.run([program, *command, "--help"], check=True, capture_output=True, text=True)
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def sections(program: pathlib.Path, command: list[str]) -> list[str]:
    """The help of a command, and of the commands below it."""
    text = help_of(program, command)
    parts = [f"## `{' '.join(['evenkeel', *command])}`", f"```text\n{text}\n```"]
    listed = re.search(r"^Commands:\n(.*?)(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE)
    names = re.findall(r"^  (\w[\w-]*)", listed[1], re.MULTILINE) if listed else []
    return parts + [part for name in names if name != "help" for part in sections(program, [*command, name])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the page is not what the help says")
    parser.add_argument("program", nargs="?", type=pathlib.Path, default=ROOT / "target/release/evenkeel")
    args = parser.parse_args()
    text = "\n\n".join([HEAD.rstrip(), *sections(args.program.resolve(), [])]) + "\n"
    if not args.check:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        print(f"{PAGE} is not what the help says; write it with: python3 scripts/cli_reference.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
