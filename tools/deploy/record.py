"""Record what a deploy was given in the stage's file, so that the next plain deploy repeats it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from settings import Settings, Sources
from tools.preflight import NotReady
from training.errors import ReportedError


@contextmanager
def recorded(given: Mapping[str, str], settings: Settings, *, say: Callable[[str], None]) -> Iterator[None]:
    """Write the settings `given` on the command line into the stage's file, around the deploy that applies them.

    The file is written first: when this process is ended, CloudFormation goes on, and the file then says what was
    asked for. A deploy that fails is rolled back, and the file with it. In a read-only checkout everything is deployed
    all the same, and `say` gets what to write.
    """
    sources = Sources()
    file, defaults = sources.stage_file(settings.stage), sources.defaults()
    values = {name: getattr(settings, name) for name in given if name in defaults and name != "stage"}
    removed = {name: None for name, value in values.items() if given[name] == "" and value == defaults[name]}
    before, after, refused = file.text(), file.changed(values | removed), ""
    try:
        file.write(after)
    except OSError as error:
        refused = error.strerror or str(error)
    try:
        yield
    except BaseException as error:
        # CloudFormation goes on when only this process is stopped, or loses its AWS, its session or its terminal.
        goes_on = isinstance(error, NotReady) or not isinstance(error, ReportedError)
        if after != before and not goes_on:
            with suppress(OSError):
                file.write(before)
            say(f"{file} is as it was before this deploy: give DATA and SETTINGS again with the next one")
        elif refused:
            say(f"{file} cannot be written ({refused}): give DATA and SETTINGS again to go on with this deploy")
        elif after != before:
            say(f"{file} has what you asked for: the same command goes on with it")
        raise
    if refused:
        say(f"{file} cannot be written ({refused}). To deploy the same next time, write into it:\n{after}")
    elif after != before:
        say(f"{file} has what is deployed now: commit it")
