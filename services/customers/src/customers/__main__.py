"""The command line: `python -m customers api | worker | all | migrate | replay | rebuild | openapi | settings`."""

from customers.app import SERVICE
from shared.cli import main

main(SERVICE)
