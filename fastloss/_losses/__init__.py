"""The losses, metrics and functions, one module a family. What a loss is stands in _loss.py and _metric.py."""
