"""Deploys the whole app on its own local AWS, with a model trained on the digits for one epoch."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bench.own_aws import own_aws
from tools.assembly import SynthesizedApp, synthesize
from tools.dataset.check import checked
from tools.dataset.digits import write
from tools.demo.settings import DIGITS
from tools.deploy.preflight.bootstrap import bootstrap
from tools.deploy.stacks import deploy_everything
from tools.preflight import require_aws
from training.folder import digest


@contextmanager
def deployed(settings: Mapping[str, str] | None = None) -> Iterator[SynthesizedApp]:
    """Deploy the app with `settings` over those of the digits; yields its assembly while it is deployed."""
    with own_aws() as folder:
        bootstrap(*require_aws())
        write(folder / "digits")
        images = checked(folder / "digits")
        quick = {**DIGITS, "epochs": "1", "accuracy_floor": "0", **(settings or {})}
        assembly = synthesize({**quick, "dataset": digest(images)})
        deploy_everything(assembly, images, layout="files", say=lambda _: None)
        yield assembly
