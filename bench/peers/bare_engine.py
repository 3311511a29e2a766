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
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, sys.argv[1])
from classifier import Classifier, cores

BATCH, INFERRERS = 8, 2  # deployment's MAX_BATCH and BATCHES; importing that would import Ray
WARM_UP = 0.2  # part of the seconds that is not counted


def main() -> None:
    model, folder, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    classifier = Classifier(model)
    images = itertools.cycle([path.read_bytes() for path in sorted(folder.rglob("*.jpg"))])
    done, ended = [0] * INFERRERS, threading.Event()

    def infer(number: int) -> None:
        ahead = deque(decoders.submit(classifier.decode, next(images)) for _ in range(2 * BATCH))
        while not ended.is_set():
            batch = np.stack([ahead.popleft().result() for _ in range(BATCH)])
            ahead.extend(decoders.submit(classifier.decode, next(images)) for _ in range(BATCH))
            classifier.infer(batch)
            done[number] += BATCH

    with ThreadPoolExecutor(cores()) as decoders, ThreadPoolExecutor(INFERRERS) as inferrers:
        running = [inferrers.submit(infer, number) for number in range(INFERRERS)]
        time.sleep(WARM_UP * seconds)
        before, start, used = sum(done), time.perf_counter(), time.process_time()
        time.sleep(seconds)
        count, took, used = sum(done) - before, time.perf_counter() - start, time.process_time() - used
        ended.set()
        for thread in running:
            thread.result()
    print(json.dumps({"rate": count / took, "processor": used / max(1, count)}))


if __name__ == "__main__":
    main()
