"""`python -m services.profile [install|verify-audit|erasures|erase-again]`."""

import sys

from services.profile.app import (
    NAME,
    build_service,
    erase_again,
    install,
    list_erasures,
    verify_audit,
)
from services.profile.config import ProfileConfig
from services.profile.erasures import NoRecordError
from shared import service
from shared.wiring import Wiring

config = ProfileConfig()
match sys.argv[1:]:
    case []:
        service.serve(lambda: build_service(config), config)
    case ["install"]:
        service.install(lambda: install(config))
    case ["verify-audit"]:
        sys.exit(0 if service.command(NAME, verify_audit(config), Wiring.is_outage) else 1)
    case ["erasures"]:
        service.command(NAME, list_erasures(config), Wiring.is_outage)
    case ["erase-again"]:
        try:
            number = service.command(NAME, erase_again(config, sys.stdin), Wiring.is_outage)
        except NoRecordError as error:
            sys.exit(str(error))
        sys.stdout.write(f"{number} erasures are asked for once more\n")
    case _:
        sys.exit(__doc__)
