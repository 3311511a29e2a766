"""Inference engine at full load: the upper limit of a server whose requests and answers cost nothing.

    python bare_engine.py MODEL FOLDER SECONDS

It prints `{"rate": images/s, "processor": processor seconds an image}`. It uses the server's classifier with the same
engine options. One thread a core decodes ahead, and as many threads as in the server infer full batches. There is no
HTTP, no Ray and no client, and every batch is full, so the server cannot be faster. The model folder's modules are
imported by bare name.
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

BATCH, INFERRERS = 8, 2  # MAX_BATCH and BATCHES of serving's deployment, whose import would import Ray
WARM_UP = 0.2  # share of the seconds before counting begins


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
