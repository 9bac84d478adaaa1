"""The losses, metrics and functions, one module a family; what a loss is stands in _loss.py."""
