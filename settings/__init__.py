"""Every setting a user may change: its type, its range, and what is wrong with a given value.

The values come from CDK context: cdk.json holds each setting with its default, `-c name=value` overrides
one (as text). All mistakes are reported together, each with the setting, the value, what is allowed and how
to fix it. One file for each part of the system; `read.py` puts them together.
"""

from settings.read import Settings, SettingsError, read_settings

__all__ = ["Settings", "SettingsError", "read_settings"]
