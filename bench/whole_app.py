"""Deploys the whole app on its own local AWS, with a model trained on the digits for one epoch."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local_aws.home import Home, read_env
from local_aws.lifecycle import down, up
from tools.assembly import SynthesizedApp, synthesize
from tools.dataset.check import checked
from tools.dataset.digits import write
from tools.demo.settings import DIGITS
from tools.deploy.stacks import bootstrap, deploy_everything
from tools.preflight import require_aws
from training.folder import digest


@contextmanager
def deployed(settings: Mapping[str, str] | None = None) -> Iterator[SynthesizedApp]:
    """Deploy the app with `settings` over those of the digits; yields its assembly while it is deployed."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "local")
        try:
            up(home, tied=True)
            os.environ.update(read_env(home.env_file))
            bootstrap(*require_aws())
            write(Path(folder) / "digits")
            images = checked(Path(folder) / "digits")
            quick = {**DIGITS, "epochs": "1", "accuracy_floor": "0", **(settings or {})}
            assembly = synthesize({**quick, "dataset": digest(images)})
            deploy_everything(assembly, images, say=lambda _: None)
            yield assembly
        finally:
            down(home)
