"""Application Auto Scaling: policies that act, by the rules in the package `scaling`."""
