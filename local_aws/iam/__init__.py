"""IAM enforcement: every request and every stack resource is authorised by its caller's policies."""
