"""Losses and metrics over data that comes in batches or lies in files."""
