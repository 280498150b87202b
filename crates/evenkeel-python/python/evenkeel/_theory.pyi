import os
from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Controls",
    "ElrError",
    "Forecast",
    "Phase",
    "Plan",
    "Snapshot",
    "Spread",
    "__version__",
    "advance",
    "advise",
    "critical_lr",
    "critical_lrs",
    "forecast",
    "phase",
    "policies",
    "rescale_factors",
    "spread",
]
__version__: str

_Vector = NDArray[np.float64]

class ElrError(ValueError): ...

@final
class Spread:
    @property
    def std(self) -> float: ...
    @property
    def range(self) -> float: ...
    @property
    def decades(self) -> float: ...
    @property
    def ratio(self) -> float: ...

@final
class Forecast:
    @property
    def lr(self) -> _Vector: ...
    @property
    def elr(self) -> _Vector: ...
    @property
    def spread_std(self) -> _Vector: ...
    @property
    def spread_range(self) -> _Vector: ...
    @property
    def warmup_steps(self) -> int: ...

@final
class Phase:
    @property
    def steps(self) -> _Vector: ...
    @property
    def regime(self) -> NDArray[np.int8]: ...

@final
class Plan:
    @property
    def lr(self) -> float: ...
    @property
    def critical(self) -> float | None: ...
    @property
    def capped(self) -> bool: ...
    @property
    def rescale(self) -> _Vector | None: ...
    @property
    def multipliers(self) -> _Vector | None: ...
    @property
    def elr(self) -> _Vector: ...
    @property
    def turn(self) -> float: ...

@final
class Controls:
    def __new__(cls, text: str) -> Controls: ...
    @property
    def name(self) -> str: ...
    def decide(
        self,
        step: int,
        elr: _Vector,
        lr: float,
        multipliers: _Vector | None = None,
        measure: str = "gradient",
        growths: _Vector | None = None,
        path: float = 0.0,
    ) -> Plan: ...
    def measure(self, optimizer: str) -> str: ...

@final
class Snapshot:
    @staticmethod
    def parse(text: bytes, source: str = "snapshot") -> Snapshot: ...
    @property
    def layers(self) -> list[str]: ...
    @property
    def step(self) -> int | None: ...
    @property
    def warnings(self) -> list[str]: ...
    def elr(self, optimizer: str = "sgd") -> _Vector: ...
    def __len__(self) -> int: ...

def read_log(
    paths: Sequence[str | os.PathLike[str]],
    step: int | None,
    run: str | None,
    skip: Sequence[str],
    only: Sequence[str],
    weight: str | None,
    gradient: str | None,
    update: str | None,
) -> Snapshot: ...
def spread(elr: _Vector) -> Spread: ...
def critical_lr(elr: _Vector, policy: str) -> float: ...
def critical_lrs(elr: _Vector) -> list[tuple[str, float]]: ...
def policies() -> list[str]: ...
def advance(elr: _Vector, lr: _Vector) -> _Vector: ...
def forecast(
    elr: _Vector, lr: float, steps: int, optimizer: str, control: str, schedule: str
) -> Forecast: ...
def advise(elr: _Vector, lr: float, optimizer: str, layers: Sequence[str]) -> dict[str, Any]: ...
def phase(
    lr: _Vector, decades: _Vector, layers: int, optimizer: str, control: str
) -> Phase: ...
def rescale_factors(elr: _Vector, measure: str = "gradient") -> _Vector: ...
