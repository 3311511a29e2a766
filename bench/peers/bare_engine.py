"""Inference engine at full load: the upper limit of a server whose requests and answers cost nothing.

    python -m bench.peers.bare_engine MODEL FOLDER SECONDS

It prints `{"rate": images/s, "processor": processor seconds an image}`. It uses the server's classifier with the same
engine options. One thread a core decodes ahead, and one infers full batches. There is no HTTP and no client, and every
batch is full, so the server cannot be faster.
"""

import itertools
import json
import os
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from serving.classifier import Classifier
from serving.pool import MAX_BATCH

WARM_UP = 0.2  # share of the seconds before counting begins


def main() -> None:
    model, folder, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    cores = len(os.sched_getaffinity(0))
    classifier = Classifier(model, threads=cores)
    images = itertools.cycle([path.read_bytes() for path in sorted(folder.rglob("*.jpg"))])
    done, ended = [0] * cores, threading.Event()

    def infer(number: int) -> None:
        ahead = deque(decoders.submit(classifier.decode, next(images)) for _ in range(2 * MAX_BATCH))
        while not ended.is_set():
            batch = np.stack([ahead.popleft().result() for _ in range(MAX_BATCH)])
            ahead.extend(decoders.submit(classifier.decode, next(images)) for _ in range(MAX_BATCH))
            classifier.infer(batch)
            done[number] += MAX_BATCH

    with ThreadPoolExecutor(cores) as decoders, ThreadPoolExecutor(cores) as inferrers:
        running = [inferrers.submit(infer, number) for number in range(cores)]
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
