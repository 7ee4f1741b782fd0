"""The documentation; tables that exist as data are written into it by `python -m docs.generate`."""
