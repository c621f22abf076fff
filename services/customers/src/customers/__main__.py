"""The command line: `python -m customers api | worker | all | migrate | replay | rebuild | openapi | settings`."""

from shared.cli import main

from customers.app import SERVICE

main(SERVICE)
