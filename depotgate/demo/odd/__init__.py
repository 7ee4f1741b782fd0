"""Chargers that do what real ones were seen to do, and should not: docs/chargers.md by number."""
