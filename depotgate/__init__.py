"""What a person starts: command line, settings, supervision, demo."""
