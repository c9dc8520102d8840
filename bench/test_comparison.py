"""Tests of what `bench/compare` decides: python3 -m unittest discover bench."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from pathlib import Path

from comparison import prompt, render
from comparison.rows import ROWS
from comparison.workloads import Measured

SCRIPTED = """
import sys, time, tty
tty.setraw(0)
sys.stdout.write("thread main, no messages\\r\\n\\x1b[6n")
sys.stdout.flush()
sys.stdin.buffer.raw.read(1)
sys.stdout.write("\\x1b[36myou\\x1b[0m › ")
sys.stdout.flush()
time.sleep(9)
"""


def row(name: str):
    """A row of the table."""
    return next(row for row in ROWS if row.name == name)


def measured(**rounds: list[float]) -> Measured:
    """Runs with only their rates."""
    kept = Measured()
    for name, rates in rounds.items():
        for number, rate in enumerate(rates, 1):
            kept.runs[name.replace("_", " ")][number] = [{"turns_per_s": rate}]
    return kept


class Judging(unittest.TestCase):
    """Verdicts."""

    def test_the_verdict_rests_on_the_median_of_the_ratios(self) -> None:
        # The ratio of the medians would be 20/2 = 10.
        result = row("engine").judge(measured(engine_ours=[100, 10, 20], engine_langgraph=[1, 2, 4]))
        self.assertEqual(([5.0, 100.0], result.judged), (sorted({s.judged for s in result.samples}), 5.0))
        self.assertEqual("missed", result.verdict)

    def test_a_limit_that_is_just_reached_is_met(self) -> None:
        self.assertEqual("met", row("engine").judge(measured(engine_ours=[50], engine_langgraph=[1])).verdict)

    def test_a_round_without_one_side_counts_for_nothing_and_is_told(self) -> None:
        result = row("engine").judge(measured(engine_ours=[60, 60], engine_langgraph=[1]))
        self.assertEqual(1, len(result.samples))
        self.assertIn("round 2", result.missing or "")

    def test_what_did_not_run_has_no_verdict(self) -> None:
        self.assertEqual("not measured", row("resume").judge(Measured()).verdict)

    def test_growth_finds_its_lengths(self) -> None:
        kept = Measured()
        lines = [{"messages": m, "file_bytes": 100_000 + 900 * m, "p50_ms": 1.0} for m in (10, 200, 800, 2000, 4000)]
        kept.runs["growth ours"][1] = lines
        verdicts = {name: row(name).judge(kept).verdict for name in ("growth-file", "growth-turn", "growth-added", "latency")}
        self.assertEqual({"growth-file": "missed", "growth-turn": "met", "growth-added": "met", "latency": "met"}, verdicts)


    def test_a_first_token_is_judged_alone_and_idle_streams_by_the_thousand(self) -> None:
        kept = Measured()
        kept.runs["server stream"][1] = [{"first_token_p50_ms": 2.5}]
        kept.runs["streams ours"][1] = [{"streams": 50, "added_bytes": 3_000_000}]
        self.assertEqual("met", row("first-token").judge(kept).verdict)
        self.assertEqual((60.0, "missed"), (row("streams").judge(kept).ours, row("streams").judge(kept).verdict))


class Prompts(unittest.TestCase):
    """The start time needs to know a prompt."""

    def test_a_prompt_is_known_under_its_colours(self) -> None:
        self.assertTrue(prompt.ends_in_prompt("hello\r\n\x1b[1;36myou\x1b[0m › \x1b[?2004h".encode()))
        self.assertFalse(prompt.ends_in_prompt(b"you > \r\nloading"))

    def test_the_clock_stops_at_the_prompt_and_not_at_the_banner(self) -> None:
        started = prompt.start([sys.executable, "-c", SCRIPTED], dict(os.environ))
        self.assertGreater(started.rss_bytes, 1_000_000)
        self.assertLess(started.ms, 9_000)

    def test_a_program_that_ends_early_is_a_failure(self) -> None:
        with self.assertRaisesRegex(prompt.Failed, "ended before a prompt"):
            prompt.start(["/bin/true"], {})


class Rendering(unittest.TestCase):
    """The report."""

    def test_a_report_without_a_place_for_figures_stays_as_it_is(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "PERFORMANCE.md"
            report.write_text("# Performance\n")
            with self.assertRaises(render.NoPlace):
                render.into_report(report, {})
            self.assertEqual("# Performance\n", report.read_text())


if __name__ == "__main__":
    unittest.main()
