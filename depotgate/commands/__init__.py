"""One module a family of commands; depotgate/cli.py puts them together."""
