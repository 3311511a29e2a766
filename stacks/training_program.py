"""The training program as a zip: training/, and what it imports of serving/."""

from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

_REPOSITORY = Path(__file__).parent.parent
# of serving/: with the rest, each change of the server would train
_SHARED = ("__init__.py", "preprocessing.py", "image_*.py")
_CHANNEL = "code"


class MissingWheels(Exception):
    """The wheels that the training container needs have not been downloaded."""


class TrainingProgram(Construct):
    """A zip that `cdk deploy` uploads: `key` in `bucket_name`.

    A training job gets it as the channel `channel`, because network isolation forbids downloads. `digest` depends on
    names and contents of the files only, so it is the same on every machine.
    """

    def __init__(self, scope: Construct, id: str, *, source: Path = _REPOSITORY) -> None:
        super().__init__(scope, id)
        if not any((source / "training" / "wheels").glob("*.whl")):
            raise MissingWheels("training/wheels: no wheels, and the training container needs them: run `make setup`")
        # "/*" first: the zip contains only what is named after it, and no credentials or data by accident.
        shared = ["!/serving/", "/serving/*", *(f"!/serving/{name}" for name in _SHARED)]
        files = ["/*", "!/training/", *shared, "__pycache__/", "*.pyc", "tests/", ".*"]
        asset = Asset(self, "Zip", path=str(source), exclude=files, ignore_mode=IgnoreMode.GIT)
        self.digest = asset.asset_hash
        self.bucket_name = asset.s3_bucket_name
        self.key = asset.s3_object_key
        self.channel = _CHANNEL
        # Python imports packages from a zip on its path.
        self.python_path = f"/opt/ml/input/data/{_CHANNEL}/{self.key}"
