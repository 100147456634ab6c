"""`python -m rlcodec`, which is the command `rlcodec`."""

from rlcodec.cli.main import main

if __name__ == "__main__":
    main()
