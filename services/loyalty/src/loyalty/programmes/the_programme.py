"""The one programme that there is so far."""

# Made by the first migration.
PROGRAMME_ID = "prg_00000000000000000000000001"
