"""SageMaker: training jobs as process groups, endpoints as Ray Serve, behind the real API's shapes."""
