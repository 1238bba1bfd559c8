"""The way out: leases from the outbox, sends through sinks, settles; retry plan and breaker."""

from gateway.delivery.config import DeliveryConfig
from gateway.delivery.endpoint_state import EndpointStats
from gateway.delivery.endpoint_test import EndpointTestResult, test_endpoint
from gateway.delivery.reasons import explain
from gateway.delivery.relay import Relay

__all__ = ["DeliveryConfig", "EndpointStats", "EndpointTestResult", "Relay", "explain", "test_endpoint"]
