"""Destinations of results: records, events, video, window, MQTT, Prometheus."""
