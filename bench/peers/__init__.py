"""Peers of the benchmarks that are not installed programs."""
