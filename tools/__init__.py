"""Commands that people run, most of them by a make target: a folder for each, and what they share."""

from training.interrupt import report_interrupts

report_interrupts()
