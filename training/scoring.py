"""What an exported network makes of images, through ONNX Runtime as in the endpoint."""

from pathlib import Path

import numpy as np
import onnxruntime

from serving.preprocessing import normalise
from training.batches import evaluation_batches
from training.environment import Process, own_cores
from training.images import Images
from training.outcome import Predictions
from training.resnet import MEAN, STD

BATCH = 1  # images; as fast as more, and takes the least memory
LEAST_PROBABILITY = 1e-9  # int8 can round to 0, of which there is no logarithm


def predict(network: Path, images: Images) -> Predictions:
    """On each of the images, by a classifier, an ONNX file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = own_cores(Process())
    # 60 MB less for a ResNet-50 than with all optimisations, which turn the weights into a layout of their own
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    found = [
        session.run(["probabilities"], {"images": normalise(batch.pixels, MEAN, STD)})[0]
        for batch in evaluation_batches(images, batch_size=BATCH, process=Process())
    ]
    return Predictions.of(np.log(np.maximum(np.concatenate(found), LEAST_PROBABILITY)), images.labels)
