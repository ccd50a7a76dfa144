"""`python -m services.sessions [install|raise-epochs]`."""

import sys

from services.sessions.app import NAME, build_service, install, raise_epochs
from services.sessions.config import SessionsConfig
from services.sessions.geoip import UnusableDatabase
from shared import service
from shared.wiring import Wiring

config = SessionsConfig()
match sys.argv[1:]:
    case []:
        try:
            service.serve(lambda: build_service(config), config)
        except UnusableDatabase as error:
            sys.exit(str(error))
    case ["install"]:
        service.install(lambda: install(config))
    case ["raise-epochs"]:
        number = service.command(NAME, raise_epochs(config), Wiring.is_outage)
        sys.stdout.write(f"{number} epochs are raised: everybody signs in again\n")
    case _:
        sys.exit(__doc__)
