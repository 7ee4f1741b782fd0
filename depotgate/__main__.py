"""`python -m depotgate`: as the `depotgate` command."""

from depotgate.cli import main

if __name__ == "__main__":
    main()
