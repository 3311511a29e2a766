"""What a deploy was given, written into the stage's file, so that the next plain deploy repeats it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from settings import Settings, Sources
from tools.preflight import NotReady


@contextmanager
def recorded(given: Mapping[str, str], settings: Settings, *, say: Callable[[str], None]) -> Iterator[None]:
    """Write the settings `given` on the command line into the stage's file, around the deploy that applies them.

    The file is written first: when this process is killed, CloudFormation goes on, and the file says what was asked
    for. CloudFormation rolls back a deploy that fails, and the file goes back with it. In a read-only checkout
    everything is deployed all the same, and `say` gets what to write.
    """
    sources = Sources()
    file, defaults = sources.stage_file(settings.stage), sources.defaults()
    values = {name: (text, getattr(settings, name)) for name, text in given.items() if name in defaults}
    values.pop("stage", None)
    before, after = file.text(), None
    if values:
        to_default = {name for name, (text, value) in values.items() if text == "" and value == defaults[name]}
        after = file.changed({name: None if name in to_default else value for name, (_, value) in values.items()})
    refused = ""
    try:
        file.write(after if after else before)
    except OSError as error:
        refused = error.strerror or str(error)
    try:
        yield
    except Exception as error:
        # When nobody answers any more, CloudFormation may be going on.
        if after not in (None, before) and not isinstance(error, NotReady):
            if not refused:
                file.write(before)
            say(f"{file} is as it was before: give DATA and SETTINGS again with the next make deploy")
        raise
    if refused:
        say(f"{file} cannot be written ({refused}). To deploy the same next time, write into it:\n{after}")
    elif after not in (None, before):
        say(f"{file} has what is deployed now: commit it")
