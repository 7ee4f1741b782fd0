"""`depotgate explain`: an attempt is found or imagined, explained by models/, and shown."""
