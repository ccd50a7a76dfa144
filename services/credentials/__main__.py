"""`python -m services.credentials [install|reseal]`."""

import sys

import uvloop

from services.credentials.app import build_service, install, reseal
from services.credentials.config import CredentialsConfig
from shared import service

config = CredentialsConfig()
if sys.argv[1:] == ["install"]:
    service.install(lambda: install(config))
elif sys.argv[1:] == ["reseal"]:
    sys.stdout.write(f"{uvloop.run(reseal(config))} secrets sealed under the newest key\n")
else:
    service.serve(lambda: build_service(config), config)
