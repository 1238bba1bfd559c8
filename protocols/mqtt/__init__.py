"""MQTT 5 source."""
