"""The default of every setting."""

from settings import Sources

DEFAULTS = Sources().defaults()
