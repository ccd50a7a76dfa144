"""`python -m services.profile [install]`."""

import sys

from services.profile.app import build_service, install
from services.profile.config import ProfileConfig
from shared import service

config = ProfileConfig()
if sys.argv[1:] == ["install"]:
    service.install(lambda: install(config))
else:
    service.serve(lambda: build_service(config), config)
