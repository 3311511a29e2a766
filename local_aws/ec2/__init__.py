"""EC2 instances that boot and run their user data, in a sandbox on this machine."""
