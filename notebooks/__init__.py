"""The notebook of the four steps, and what executes it."""

from training.interrupt import report_interrupts

report_interrupts()
