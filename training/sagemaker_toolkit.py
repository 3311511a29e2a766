"""The program where a job cannot name its command, as the training jobs of a tuning job: the image's own runs.

It calls the function that SAGEMAKER_TRAINING_MODULE names, in its own process, and takes whatever is not an
exception for success. Source: trainer.py of aws/sagemaker-training-toolkit.
"""

import os
import sys

from training.__main__ import main


def train() -> None:
    """A run from SageMaker's files; a failed one ends the process here, with its reason written already."""
    if code := main([]):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
