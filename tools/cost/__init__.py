"""Estimates the cost of a month, a prediction and a training run from the synthesized templates and list prices."""
