"""Minimal CDK app in Python: one stack with one bucket."""

from aws_cdk import App, Stack
from aws_cdk import aws_s3 as s3

app = App()
s3.Bucket(Stack(app, "one-bucket"), "Bucket")
app.synth()
