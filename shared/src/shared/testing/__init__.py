"""What tests stand on: a real migrated Postgres, rolled back after each test; events without a broker; conformance suites."""
