"""Conditions that must hold before `cdk deploy` can succeed; checking them only reads."""
