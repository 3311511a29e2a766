"""EC2 instances that boot: the launched instance's own user data, in a sandbox of this machine."""
