"""The engine alone: decode, infer, one image after the other in one process, with the server's classifier and threads.

`python bare_engine.py MODEL FOLDER SECONDS` prints images/s; the model folder's modules import by bare name.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from classifier import Classifier


def main() -> None:
    model, folder, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    classifier = Classifier(model)
    images = [path.read_bytes() for path in sorted(folder.rglob("*.jpg"))]
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        classifier.infer(classifier.decode(images[done % len(images)])[None])
        done += 1
    print(done / (time.perf_counter() - start))


if __name__ == "__main__":
    main()
