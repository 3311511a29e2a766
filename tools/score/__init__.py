"""`make score`: classifies a folder of images with the deployed model, as a SageMaker processing job."""
