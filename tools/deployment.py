"""Name a deployment in the make commands that tools print."""

from settings import Settings, Sources


def deployment(settings: Settings, *changes: str) -> str:
    """SETTINGS="…" for a make command, after a space: words that name this deployment, then changes NAME=VALUE.

    "" for the default deployment without changes.
    """
    defaults = Sources().defaults()
    named = {name: getattr(settings, name) for name in ("app", "stage")}
    words = " ".join([*(f"{name}={value}" for name, value in named.items() if value != defaults[name]), *changes])
    return f' SETTINGS="{words}"' if words else ""
