"""`python -m services.credentials [install]`."""

import sys

from services.credentials.app import build_service, install
from services.credentials.config import CredentialsConfig
from shared import service

config = CredentialsConfig()
if sys.argv[1:] == ["install"]:
    service.install(lambda: install(config))
else:
    service.serve(lambda: build_service(config), config)
