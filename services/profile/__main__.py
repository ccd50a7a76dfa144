"""`python -m services.profile [install|verify-audit]`."""

import sys

import uvloop

from services.profile.app import build_service, install, verify_audit
from services.profile.config import ProfileConfig
from shared import service

config = ProfileConfig()
if sys.argv[1:] == ["install"]:
    service.install(lambda: install(config))
elif sys.argv[1:] == ["verify-audit"]:
    sys.exit(0 if uvloop.run(verify_audit(config)) else 1)
else:
    service.serve(lambda: build_service(config), config)
