"""Path of the runbook that alarm descriptions refer to. Its headings are the alarms' names."""

RUNBOOK = "docs/runbook.md"
