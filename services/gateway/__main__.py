"""`python -m services.gateway`."""

from services.gateway.app import build_service
from services.gateway.config import GatewayConfig
from shared import service

config = GatewayConfig()
service.serve(lambda: build_service(config), config)
