"""Stages by flags (rule 27): read from an OpenFeature provider, beside the way of an attempt."""
