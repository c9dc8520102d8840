"""Everything that was measured as one JSON document: bench-work/figures.json."""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .machine import Shape
from .programs import Prepared
from .rows import Result
from .workloads import Measured


def collect(
    command: str, shape: Shape, programs: Prepared, arguments: argparse.Namespace, measured: Measured, results: list[Result]
) -> dict[str, Any]:
    """The document."""
    return {
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "quick": arguments.quick,
        "rounds": arguments.rounds,
        "machine": asdict(shape),
        "versions": {**programs.versions, **sqlite_of(measured)},
        "background_cores": round(statistics.median(measured.background), 2) if measured.background else None,
        "rows": [of_row(result) for result in results],
        "failures": measured.failures,
        "runs": {name: {str(number): lines for number, lines in rounds.items()} for name, rounds in measured.runs.items()},
    }


def of_row(result: Result) -> dict[str, Any]:
    """One row with the ratio of each round."""
    row = result.row
    told: dict[str, Any] = {
        "name": row.name, "measure": row.measure, "against": row.against, "unit": row.unit, "target": row.target,
        "is_ratio": row.is_ratio, "verdict": result.verdict, "missing": result.missing,
    }
    if result.samples:
        told |= {"ours": result.ours, "other": result.other, "judged": result.judged,
                 "rounds": [sample.judged for sample in result.samples]}
    return told


def sqlite_of(measured: Measured) -> dict[str, str]:
    """The SQLite that the raw loop, built as ours is, has inside."""
    lines = [line for lines in measured.runs.get("durable raw", {}).values() for line in lines]
    return {"SQLite": lines[-1]["sqlite_version"]} if lines else {}


def save(path: Path, made: dict[str, Any]) -> None:
    """Writes it."""
    path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
