"""The CDK app: reads the settings and composes the stacks. `cdk deploy --all` runs it."""

import gc
import sys
from functools import partial

from tools.node import use_locked_node

use_locked_node()
if __name__ == "__main__":
    gc.disable()  # the modules of the CDK live to the end: going over them takes 0.4 s and frees nothing

from aws_cdk import App, Tags, Validations

from iam.acknowledged import Acknowledgement, acknowledgements
from iam.contract import PATH, ContractError, declared, read
from iam.plugin import IamGate, acknowledge
from settings import Settings, SettingsError, Sources, names, read_settings
from stacks.ec2_training import Ec2Training, UserDataTooLong
from stacks.network import PrivateNetwork
from stacks.notebook import Notebook
from stacks.operations import Operations
from stacks.permissions import Roles
from stacks.serving import Serving
from stacks.storage import Storage
from stacks.trained_model import TrainedModel
from stacks.training_program import MissingWheels

# The CDK CLI passes this context itself; given here too, `python app.py` makes the same templates without it.
CONTEXT = Sources().declared_context()


def build(app: App, settings: Settings) -> None:
    """Add every stack to `app`, in the order they are deployed."""
    name = partial(names.resource_name, settings.prefix)
    storage = Storage(app, name("storage"), settings=settings)
    network = None
    if settings.network == "private":
        network = PrivateNetwork(app, name("network"), settings=settings, asset_bucket=storage.program.bucket_name)
    roles = Roles(app, name("roles"), settings=settings, storage=storage)
    trained = TrainedModel(
        app, name("trained-model"), settings=settings, storage=storage,
        training_role=roles.training, function_role=roles.trained_model, network=network,
    )  # fmt: skip
    serving = Serving(
        app, name("serving"), settings=settings, model_data_url=trained.model_data_url,
        key=storage.key, role=roles.hosting, scoring_role=roles.scoring, function_role=roles.classify,
        placement=network.placement if network else None,
    )  # fmt: skip
    serving.add_stack_dependency(trained)  # the URL is plain text: CDK cannot see that the model is needed
    operations = Operations(
        app, name("operations"), settings=settings, endpoint_name=serving.endpoint_name,
        key=storage.key,
    )  # fmt: skip
    operations.add_stack_dependency(serving)
    if storage.notebook_files and roles.notebook:
        Notebook(
            app, name("notebook"), settings=settings, files=storage.notebook_files, key=storage.key,
            role=roles.notebook,
        )  # fmt: skip
    if roles.ec2_profile:
        Ec2Training(app, name("ec2-training"), settings=settings, storage=storage, profile=roles.ec2_profile)
    for key, value in settings.every_tag.items():
        Tags.of(app).add(key, value)
    Validations.of(app).add_plugins(IamGate())
    acknowledge(app, acknowledged(settings), prefix=settings.prefix)


def acknowledged(settings: Settings) -> list[Acknowledgement]:
    """Accepted findings of rule packs, the contract's variables filled in from the settings."""
    values = dict.fromkeys(declared(), "any") | {
        "prefix": settings.prefix,
        "dataset": settings.dataset,
        "images": settings.s3_images,
        "spot": names.CHECKPOINTS,
        "capture": names.CAPTURE,
    }
    return acknowledgements(read(PATH.read_text(), values))


def main() -> None:
    """Synthesize into $CDK_OUTDIR; with unusable settings, list what is wrong with them and exit with 1."""
    app = App(context=CONTEXT, analytics_reporting=False, tree_metadata=False)
    try:
        settings = read_settings(app.node.get_all_context())
    except SettingsError as error:
        sys.exit("\n".join(["These settings cannot be used:", *(f"  - {line}" for line in error.problems)]))
    try:
        build(app, settings)
    except (MissingWheels, UserDataTooLong, ContractError) as error:
        sys.exit(str(error))
    app.synth()
    gc.freeze()  # so that Python does not go over them when it ends either


if __name__ == "__main__":
    main()
