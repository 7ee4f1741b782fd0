"""Everything that touches the outside: chargers, Kafka, files, telemetry."""
