"""Where an alarm's description sends its reader: the heading there is the alarm's name."""

RUNBOOK = "docs/runbook.md"
