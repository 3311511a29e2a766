"""Batch scoring: classifies every file of a folder, as the program of a SageMaker processing job.

    python -m serving.score [--labels N]

It reads the model's archive at /opt/ml/processing/model/model.tar.gz and the files below /opt/ml/processing/images, and
writes /opt/ml/processing/results/results-<host>-<process>.jsonl, a line for each file:

    {"image": "a/cat.jpg", "predictions": [{"label": "cat", "probability": 0.93}, …], "model": "<SHA-256>"}
    {"image": "a/notes.txt", "error": {"code": "NotAnImage", "message": "…"}, "model": "<SHA-256>"}

`image` is the path below the folder; predictions and errors are those of `app`, at most `N` labels an image. Files that
cannot be classified stop nothing. Files whose names begin with a dot, and a data set's manifest and list, are left out.

Exit codes: 0 every file has its line, 1 the model cannot be loaded or a process ended early, 143 it was asked to end.
The reason is in /opt/ml/output/message, which SageMaker makes the job's ExitMessage ("Save and Access Metadata
Information About Your Processing Job", SageMaker developer guide). SAGEMAKER_BASE_DIR names a folder in place of
/opt/ml.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

STOPPED = 143  # 128 + SIGTERM
UPLOADS = ("manifest.json", "files.jsonl")  # at the top of a data set, beside its splits


def is_scored(name: str) -> bool:
    """True unless the file with this path below the folder is left out."""
    return name not in UPLOADS and not any(part.startswith(".") for part in name.split("/"))


def main() -> int:
    # As process 1, Python would ignore SIGTERM. Before the imports, which take half a second.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(STOPPED))
    from serving.protocol import PREDICTIONS
    from serving.scoring import ScoringFailed, score

    parser = argparse.ArgumentParser(prog="serving.score")
    parser.add_argument("--labels", type=int, default=PREDICTIONS, metavar="N")
    labels = parser.parse_args().labels
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    host = json.loads((base / "config/resourceconfig.json").read_text())["current_host"]
    data = base / "processing"
    try:
        said = score(data / "model/model.tar.gz", data / "images", data / "results", host=host, labels=labels)
        code = 0
    except ScoringFailed as failed:
        said, code = str(failed), 1
    message = base / "output/message"
    message.parent.mkdir(parents=True, exist_ok=True)
    message.write_text(said, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
