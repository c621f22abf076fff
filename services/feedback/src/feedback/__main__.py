"""`python -m feedback api | worker | all | migrate | replay | rebuild | openapi | settings`."""

from feedback.app import SERVICE
from shared.cli import main

if __name__ == "__main__":
    main(SERVICE)
