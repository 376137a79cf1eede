"""What must be true before `cdk deploy` can succeed: one function a condition, each only reads."""
