"""`python -m pbias` is `pbias`."""

from pbias.cli.app import main

if __name__ == "__main__":
    main()
