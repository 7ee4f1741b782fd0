"""How fast the whole path is, beside bare baselines, and where the time goes."""
