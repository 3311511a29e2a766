"""The training program: one program for a laptop, a SageMaker job, and several instances. No AWS import in it."""
