"""`depotgate replay`: past attempts are read by time and decided again, in several processes."""
