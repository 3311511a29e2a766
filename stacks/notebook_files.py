"""What the notebook instance fetches when it starts: the notebook, its locked environment, and the code it calls."""

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
    """One zip, uploaded by `cdk deploy`; its key is the digest of the files."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        # "/*" first: nothing of the repository gets in unless it is named.
        others = ["__pycache__/", "*.pyc", ".*", "/training/wheels/", "/notebooks/digits/"]
        files = ["/*", "!/tools/", "/tools/*", *(f"!/{part}" for part in _PARTS), *others]
        asset = Asset(self, "Zip", path=str(_REPOSITORY), exclude=files, ignore_mode=IgnoreMode.GIT)
        self.bucket_name = asset.s3_bucket_name
        self.key = asset.s3_object_key
        self.url = asset.s3_object_url
