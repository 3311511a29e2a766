"""The engine alone, kept busy: what one process could answer if requests and answers cost nothing.

The server's classifier with the server's engine options; as many threads as cores decode ahead, and threads infer full
batches of what is decoded, as many of both as in the server. No HTTP, no Ray, no client, and never a batch that is not
full: the server cannot be faster.

`python bare_engine.py MODEL FOLDER SECONDS` prints `{"rate": images/s, "processor": seconds an image}`; the model
folder's modules import by bare name.
"""

import itertools
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import numpy as np

sys.path.insert(0, sys.argv[1])
from classifier import Classifier, cores

BATCH, INFERRERS = 8, 2  # deployment's MAX_BATCH and BATCHES; importing that would import Ray
WARM_UP = 0.2  # part of the seconds that is not counted


def main() -> None:
    model, folder, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    classifier = Classifier(model)
    images = itertools.cycle([path.read_bytes() for path in sorted(folder.rglob("*.jpg"))])
    decoded: Queue[np.ndarray] = Queue(2 * BATCH * INFERRERS)
    done = [0] * INFERRERS

    def decode(contents: Iterator[bytes]) -> None:
        for content in contents:
            decoded.put(classifier.decode(content))

    def infer(number: int) -> None:
        while True:
            classifier.infer(np.stack([decoded.get() for _ in range(BATCH)]))
            done[number] += BATCH

    for _ in range(cores()):
        threading.Thread(target=decode, args=(images,), daemon=True).start()
    for number in range(INFERRERS):
        threading.Thread(target=infer, args=(number,), daemon=True).start()
    time.sleep(WARM_UP * seconds)
    before, start, used = sum(done), time.perf_counter(), time.process_time()
    time.sleep(seconds)
    count = sum(done) - before
    print(
        json.dumps(
            {
                "rate": count / (time.perf_counter() - start),
                "processor": (time.process_time() - used) / max(1, count),
            }
        )
    )


if __name__ == "__main__":
    main()
