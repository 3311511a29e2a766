"""`python -m tools.deploy`: every stack and the images, to the AWS that the environment names."""
