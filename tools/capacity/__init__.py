"""Simulate the scaling policy under a traffic curve, and find the cheapest policy that holds the limits."""
