"""The least that CloudFormation's execution role needs to deploy, update, roll back and remove this app."""
