"""Benchmarks: each runs a named peer and our program in one run. docs/benchmarks.md has the results."""
