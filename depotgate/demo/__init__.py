"""A depot of its own with simulated chargers and drivers."""
