"""SageMaker: training jobs as process groups and endpoints on Ray Serve, with the request shapes of AWS."""
