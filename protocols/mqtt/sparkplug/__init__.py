"""Sparkplug B (Eclipse Sparkplug 3.0.0) on an MQTT source: this gateway is a host application."""
