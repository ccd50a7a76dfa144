"""`python -m services.credentials [install|reseal]`."""

import sys

# First of all: what the word lists leave behind when they are made compact is used again by
# everything that is loaded after them.
from services.credentials import dictionaries  # noqa: F401
from services.credentials.app import NAME, build_service, install, reseal
from services.credentials.config import CredentialsConfig
from shared import service
from shared.wiring import Wiring

config = CredentialsConfig()
match sys.argv[1:]:
    case []:
        service.serve(lambda: build_service(config), config)
    case ["install"]:
        service.install(lambda: install(config))
    case ["reseal"]:
        resealed, lost = service.command(NAME, reseal(config), Wiring.is_outage)
        sys.stdout.write(
            f"{resealed} secrets sealed under the newest key, {lost} cannot be opened\n"
        )
        sys.exit(1 if lost else 0)
    case _:
        sys.exit(__doc__)
