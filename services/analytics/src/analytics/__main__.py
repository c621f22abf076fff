"""`python -m analytics api | worker | all | migrate | replay | rebuild | openapi | settings`."""

from analytics.app import SERVICE
from shared.cli import main

if __name__ == "__main__":
    main(SERVICE)
