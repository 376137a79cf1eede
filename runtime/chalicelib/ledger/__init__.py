"""Postgres, the truth: all SQL is here."""
