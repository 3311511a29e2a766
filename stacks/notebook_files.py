"""Files that the notebook instance downloads when it starts: notebook, locked environment, and the code it imports."""

from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

_REPOSITORY = Path(__file__).parent.parent
_PARTS = (
    *("notebooks/", "settings/", "training/", "iam/", "aws/"),
    *("tools/__init__.py", "tools/preflight.py", "tools/stack.py", "tools/dataset/"),
)


class NotebookFiles(Construct):
    """A zip that `cdk deploy` uploads, at `url`: `key` in `bucket_name`. The key contains the digest of the files."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        # "/*" first: the zip contains only what is named after it.
        others = ["__pycache__/", "*.pyc", ".*", "/training/wheels/", "/notebooks/digits/"]
        files = ["/*", "!/tools/", "/tools/*", *(f"!/{part}" for part in _PARTS), *others]
        asset = Asset(self, "Zip", path=str(_REPOSITORY), exclude=files, ignore_mode=IgnoreMode.GIT)
        self.bucket_name = asset.s3_bucket_name
        self.key = asset.s3_object_key
        self.url = f"s3://{self.bucket_name}/{self.key}"
