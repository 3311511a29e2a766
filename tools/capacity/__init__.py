"""Simulates the scaling policy under a traffic curve, and searches for the cheapest policy that holds the limits."""
