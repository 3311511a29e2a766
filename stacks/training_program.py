"""The training program as one zip: `training/`, and the `serving/` code that it packs beside the model."""

from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

_REPOSITORY = Path(__file__).parent.parent
_PARTS = ("training", "serving")
_CHANNEL = "code"


class MissingWheels(Exception):
    """What the containers' images lack has not been fetched."""


class TrainingProgram(Construct):
    """Uploaded by `cdk deploy`; a training job gets it as a channel, because network isolation forbids
    downloads.

    `digest` depends on the names and the bytes of the files only, so it is the same on every machine.
    """

    def __init__(self, scope: Construct, id: str, *, source: Path = _REPOSITORY) -> None:
        super().__init__(scope, id)
        if bare := [part for part in _PARTS if not any((source / part / "wheels").glob("*.whl"))]:
            folders = " and ".join(f"{part}/wheels" for part in bare)
            raise MissingWheels(f"{folders}: no wheels, and the containers need them: run `make setup`")
        # "/*" first: nothing of the repository gets in unless it is named, so no credentials or data by
        # accident.
        files = ["/*", *(f"!/{part}/" for part in _PARTS), "__pycache__/", "*.pyc", "tests/", ".*"]
        asset = Asset(self, "Zip", path=str(source), exclude=files, ignore_mode=IgnoreMode.GIT)
        self.digest = asset.asset_hash
        self.bucket_name = asset.s3_bucket_name
        self.key = asset.s3_object_key
        self.channel = _CHANNEL
        # Python imports packages straight from a zip that is on its path.
        self.python_path = f"/opt/ml/input/data/{_CHANNEL}/{self.key}"
