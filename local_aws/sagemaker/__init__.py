"""SageMaker: training jobs as process groups and endpoints as containers, with the request shapes of AWS."""
