"""Postgres: the pool, the unit of work, the chassis tables and the migrations' frame."""
