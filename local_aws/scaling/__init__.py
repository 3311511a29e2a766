"""Application Auto Scaling: evaluates policies with the rules of aws.target_tracking and aws.schedule."""
