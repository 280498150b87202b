"""The two processes that train, and what is asked of them."""

import json
import os
import pathlib
import struct
import subprocess
import sys

from networks import ROOT
from arithmetic import Count, count


def build() -> str:
    """Builds evenkeel's side, with the workspace's features, and returns its path."""
    command = ["cargo", "build", "--release", "--workspace", "--bench", "step"]
    built = subprocess.run(
        command + ["--message-format", "json"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    messages = map(json.loads, built.stdout.splitlines())
    found = [m["executable"] for m in messages if m.get("target", {}).get("name") == "step"]
    return next(path for path in found if path)


class Side:
    """A process that answers lines of JSON. It may use so many cores."""

    def __init__(self, command: list, threads: int):
        cores = sorted(os.sched_getaffinity(0))[:threads]
        names = ("OMP_NUM_THREADS",)
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {name: str(threads) for name in names},
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
            text=True,
        )
        self.ready = self.answer()
        self.peak_before = self.peak_memory()

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args[0]} ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, **command) -> dict:
        """Says what to do; the answer has `cpu`, the seconds that it took on all cores."""
        before = self.cpu()
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.answer() | {"cpu": self.cpu() - before}

    def cpu(self) -> float:
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def peak_memory(self) -> float:
        """The most memory that it had so far, in MB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1000

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


class Ours(Side):
    """evenkeel; writes what PyTorch reads."""

    def __init__(self, program: str, spec: dict, folder: pathlib.Path, threads: int, batches: int = 4):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "spec.json").write_text(json.dumps(spec))
        super().__init__([program, folder / "spec.json", folder, batches], threads)

    def steps(self, way: str, steps: int) -> dict:
        return self.ask(do="steps", way=way, steps=steps)


class Theirs(Side):
    """PyTorch. A way is its layout, optimiser, whether it is compiled, and the type of its numbers."""

    def __init__(self, folder: pathlib.Path, threads: int):
        program = pathlib.Path(__file__).parent / "torch_steps.py"
        super().__init__([sys.executable, program, folder, threads], threads)

    def steps(self, way: tuple, rates: list) -> dict:
        return self.ask(way=way, rates=rates)


def arithmetic(folder: pathlib.Path) -> Count:
    """What a step on the batches in a folder has to compute."""
    layers = json.loads((folder / "model.json").read_text())["layers"]
    return count(layers, header(folder / "batches.safetensors")["input.0"]["shape"])


def header(path: pathlib.Path) -> dict:
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(length))
