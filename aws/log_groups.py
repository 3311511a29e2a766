"""Log groups whose names AWS fixes, and the metric namespaces of the same names.

Sources: "Log groups and streams that Amazon SageMaker AI sends to Amazon CloudWatch Logs" and "Monitor Amazon SageMaker
AI with Amazon CloudWatch" (the instance metrics' namespaces), SageMaker AI developer guide; "Sending Lambda function
logs to CloudWatch Logs", Lambda developer guide; "Enable logging from AWS services", CloudWatch Logs user guide.
"""

# The account's: all of its training jobs, processing jobs and notebook instances share one group each. Streams begin
# with the job's or the instance's name.
TRAINING_JOBS = "/aws/sagemaker/TrainingJobs"
PROCESSING_JOBS = "/aws/sagemaker/ProcessingJobs"
NOTEBOOK_INSTANCES = "/aws/sagemaker/NotebookInstances"
VENDED_LOGS = "/aws/vendedlogs"
ENDPOINTS = "/aws/sagemaker/Endpoints"  # followed by the endpoint's name; alone it is the metrics' namespace

# AWS authorises an operation on a whole log group on its ARN with this, so that policies need `GROUP:*`; those on tags
# on the bare ARN. Sources: "Overview of managing access permissions to your CloudWatch Logs resources", CloudWatch Logs
# user guide, and the refusal in https://github.com/elastic/apm-aws-lambda/issues/526.
NO_STREAM = ":log-stream:"


def endpoint_log_group(endpoint: str) -> str:
    """Log group of an endpoint's instances. SageMaker creates it without a retention unless it exists."""
    return f"{ENDPOINTS}/{endpoint}"


def function_log_group(function: str) -> str:
    """Log group of a Lambda function that names no other one."""
    return f"/aws/lambda/{function}"


def api_log_group(api: str) -> str:
    """Log group of an HTTP API's accesses.

    Below /aws/vendedlogs/ one policy lets AWS deliver to every group. A group elsewhere adds to a resource policy,
    which has a maximum size.
    """
    return f"{VENDED_LOGS}/apigateway/{api}"
