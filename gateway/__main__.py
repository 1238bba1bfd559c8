"""`python -m gateway` is `fieldgate`."""

from gateway.cli import main

main(prog_name="fieldgate")
