"""Sources of configuration: depot folders."""
