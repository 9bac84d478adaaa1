"""The losses, metrics and functions, one module a family; what a loss is: _loss.py, _metric.py."""
