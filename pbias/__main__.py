"""Run `pbias` as `python -m pbias`."""

from pbias.cli.app import main

if __name__ == "__main__":
    main()
