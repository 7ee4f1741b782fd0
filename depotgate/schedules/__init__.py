"""Schedules for a person: checked, shown, and compared, from a site.yaml before it is loaded."""
