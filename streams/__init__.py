"""The Faust application: thin agents around the rules in models."""
