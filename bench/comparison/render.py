"""The table: on the terminal, and between its markers in docs/PERFORMANCE.md."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- figures: begin, written by bench/compare -->", "<!-- figures: end -->"
HEADINGS = ["measure", "Everthread", "against", "its figure", "ratio (min–max)", "target", "verdict"]


class NoPlace(Exception):
    """The report has no markers to write between."""


def cells(made: dict[str, Any]) -> list[list[str]]:
    """The table's text, row by row."""
    return [row_cells(row) for row in made["rows"]]


def row_cells(row: dict[str, Any]) -> list[str]:
    """One row; what was not measured stays empty."""
    if "ours" not in row:
        return [row["measure"], "–", row["against"] or "–", "–", "–", row["target"], row["verdict"]]
    other = "–" if row["other"] is None else f"{number(row['other'])} {row['unit']}"
    low, high = min(row["rounds"]), max(row["rounds"])
    ratio = f"{number(row['judged'])} ({number(low)}–{number(high)})" if row["is_ratio"] else "–"
    ours = f"{number(row['ours'])} {row['unit']}"
    return [row["measure"], ours, row["against"] or "–", other, ratio, row["target"], row["verdict"]]


def number(value: float) -> str:
    """Three digits are as many as such a measurement has."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}" if value >= 1 else f"{value:.3f}"


def about(made: dict[str, Any]) -> list[str]:
    """Where, when and how, a line each."""
    machine, versions = made["machine"], made["versions"]
    busy = made["background_cores"]
    return [
        f"Made by `{made['command']}` on {made['date']}: {made['rounds']} rounds, ours and theirs in turn; medians.",
        f"Machine: {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['kernel']}; an fsync of 4 KB takes "
        f"{machine['fsync_append_ms']} ms appended, {machine['fsync_overwrite_ms']} ms over what is there.",
        f"Others used {'–' if busy is None else busy} cores meanwhile (median over the runs).",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
    ]


def text(made: dict[str, Any]) -> str:
    """The table for a terminal."""
    rows = [HEADINGS, *cells(made)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell + " " * (size - len(cell)) for cell, size in zip(row, widths, strict=False)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * size for size in widths))
    failures = [f"FAILED {name}: {why}" for name, why in made["failures"].items()]
    failures += [f"{row['name']}: {row['missing']}" for row in made["rows"] if row["missing"]]
    note = ["This was a quick try at small sizes: its verdicts say nothing."] if made["quick"] else []
    return "\n".join([*lines, "", *about(made), *failures, *note])


def markdown(made: dict[str, Any]) -> str:
    """The table for the report."""
    lines = [*about(made), "", *(f"| {' | '.join(row)} |" for row in [HEADINGS, ["---"] * len(HEADINGS), *cells(made)])]
    return "\n".join(lines)


def into_report(report: Path, made: dict[str, Any]) -> None:
    """Replaces what stands between the markers."""
    page = report.read_text()
    before, begin, rest = page.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not (begin and end):
        raise NoPlace(f"{report.name} lacks the markers {BEGIN} and {END}")
    beside = report.with_suffix(".md.new")
    beside.write_text(f"{before}{BEGIN}\n\n{markdown(made)}\n\n{END}{after}")
    os.replace(beside, report)
