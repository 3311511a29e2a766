"""The training program as a zip: training/, and serving/, which it packs beside the model."""

from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

_REPOSITORY = Path(__file__).parent.parent
_PARTS = ("training", "serving")
_CHANNEL = "code"


class MissingWheels(Exception):
    """The wheels that the containers need have not been downloaded."""


class TrainingProgram(Construct):
    """A zip that `cdk deploy` uploads: `key` in `bucket_name`.

    A training job gets it as the channel `channel`, because network isolation forbids downloads. `digest` depends on
    names and contents of the files only, so it is the same on every machine.
    """

    def __init__(self, scope: Construct, id: str, *, source: Path = _REPOSITORY) -> None:
        super().__init__(scope, id)
        if bare := [part for part in _PARTS if not any((source / part / "wheels").glob("*.whl"))]:
            folders = " and ".join(f"{part}/wheels" for part in bare)
            raise MissingWheels(f"{folders}: no wheels, and the containers need them: run `make setup`")
        # "/*" first: the zip contains only what is named after it, and no credentials or data by accident.
        files = ["/*", *(f"!/{part}/" for part in _PARTS), "__pycache__/", "*.pyc", "tests/", ".*"]
        asset = Asset(self, "Zip", path=str(source), exclude=files, ignore_mode=IgnoreMode.GIT)
        self.digest = asset.asset_hash
        self.bucket_name = asset.s3_bucket_name
        self.key = asset.s3_object_key
        self.channel = _CHANNEL
        # Python imports packages from a zip on its path.
        self.python_path = f"/opt/ml/input/data/{_CHANNEL}/{self.key}"
