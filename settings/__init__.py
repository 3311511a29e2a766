"""Every setting a user may change: its type, its range, and what is wrong with a given value.

`read_settings` is the one reader, of the app and of every tool: cdk.json's `settings` has the defaults,
stages/<stage>.json what differs in a stage, and `-c name=value` wins over both. All mistakes are reported together,
each with the setting, the value, what is allowed and how to fix it. One file for each part of the system.
"""

from settings.read import Settings, read_settings
from settings.sources import SettingsError, Sources, StageFile

__all__ = ["Settings", "SettingsError", "Sources", "StageFile", "read_settings"]
