"""The vocabulary and the rules of depotgate: no IO, no clock, no randomness."""
