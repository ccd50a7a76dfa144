"""`python -m services.gateway [export-user USER_ID|erase-user USER_ID]`."""

import sys

from services.gateway.app import NAME, build_service
from services.gateway.commands import erase_user, export_user
from services.gateway.config import GatewayConfig
from shared import service

config = GatewayConfig()
match sys.argv[1:]:
    case []:
        service.serve(lambda: build_service(config), config)
    case ["export-user", name]:
        sys.exit(service.command(NAME, export_user(config, name)))
    case ["erase-user", name]:
        sys.exit(service.command(NAME, erase_user(config, name)))
    case _:
        sys.exit(__doc__)
