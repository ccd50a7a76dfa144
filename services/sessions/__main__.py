"""`python -m services.sessions [install]`."""

import sys

from services.sessions.app import build_service, install
from services.sessions.config import SessionsConfig
from services.sessions.geoip import UnusableDatabase
from shared import service

config = SessionsConfig()
if sys.argv[1:] == ["install"]:
    service.install(lambda: install(config))
else:
    try:
        service.serve(lambda: build_service(config), config)
    except UnusableDatabase as error:
        sys.exit(str(error))
