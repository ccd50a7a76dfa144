"""`python -m services.gateway [export-user|erase-user USER_ID]`."""

import sys

import uvloop

from services.gateway.app import build_service
from services.gateway.commands import erase_user, export_user
from services.gateway.config import GatewayConfig
from shared import service

config = GatewayConfig()
match sys.argv[1:]:
    case ["export-user", name]:
        sys.exit(uvloop.run(export_user(config, name)))
    case ["erase-user", name]:
        sys.exit(uvloop.run(erase_user(config, name)))
    case _:
        service.serve(lambda: build_service(config), config)
