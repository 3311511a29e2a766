"""Benchmarks: each runs a named peer and our program in one run. docs/benchmarks.md has the results."""

from training.interrupt import report_interrupts

report_interrupts()
