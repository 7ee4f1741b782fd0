"""Kafka: broker, topics, producer, replica, spool."""
