"""The OCPP gateway: sessions, messages, server."""
