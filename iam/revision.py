"""Synthesize the app as it was at a git revision, without account, credentials or network."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from iam.errors import GateError

ROOT = Path(__file__).resolve().parent.parent
_WHEELS = Path("training/wheels")


class RevisionError(GateError):
    """The revision does not exist, or its app cannot be synthesized; the message says why."""


@contextmanager
def synthesized(revision: str, given: Mapping[str, str]) -> Iterator[Path]:
    """Yield a folder with the templates of `revision`, which is removed afterwards.

    Args:
        revision: commit, branch or tag; its own files have its settings.
        given: settings of the app to compare with; of these the revision takes app and stage.

    Raises:
        RevisionError: no such revision, or its app fails.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-revision-") as folder:
        source, out = Path(folder) / "source", Path(folder) / "cdk.out"
        source.mkdir()
        try:
            archive = _run(["git", "archive", "--format=tar", f"{revision}^{{commit}}"], ROOT)
        except RevisionError as error:
            raise RevisionError(
                f"{error}. If it is in the remote repository, fetch it first: git fetch origin {revision} "
                "(a shallow clone has the newest commit alone), and give BASE=FETCH_HEAD"
            ) from error
        _run(["tar", "-x", "-C", str(source)], ROOT, archive)
        if (ROOT / _WHEELS).is_dir():  # git does not keep them; any will do, as no policy names them
            for wheels in (_WHEELS, Path("serving/wheels")):  # which version 0.1.0 wants too
                shutil.copytree(ROOT / _WHEELS, source / wheels)
        same = json.dumps({name: given[name] for name in ("app", "stage") if name in given})
        try:
            _run(
                [sys.executable, "app.py"], source,
                CDK_OUTDIR=str(out), CDK_VALIDATION="false", CDK_CONTEXT_JSON=same,
            )  # fmt: skip
        except RevisionError:
            if not (out / "manifest.json").exists():  # it is there when only the gate found something to say
                raise
        yield out


def _run(command: list[str], folder: Path, given: bytes = b"", **variables: str) -> bytes:
    done = subprocess.run(command, cwd=folder, env=os.environ | variables, input=given, capture_output=True)
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-3:]
        raise RevisionError(f"{' '.join(command)}: " + " ".join(last))
    return done.stdout
