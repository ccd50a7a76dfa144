"""`python -m services.profile [install|verify-audit|erasures|erase-again]`."""

import sys

import uvloop

from services.profile.app import build_service, erase_again, install, list_erasures, verify_audit
from services.profile.config import ProfileConfig
from shared import service

config = ProfileConfig()
if sys.argv[1:] == ["install"]:
    service.install(lambda: install(config))
elif sys.argv[1:] == ["verify-audit"]:
    sys.exit(0 if uvloop.run(verify_audit(config)) else 1)
elif sys.argv[1:] == ["erasures"]:
    uvloop.run(list_erasures(config))
elif sys.argv[1:] == ["erase-again"]:
    number = uvloop.run(erase_again(config, sys.stdin))
    sys.stdout.write(f"{number} erasures are asked for once more\n")
else:
    service.serve(lambda: build_service(config), config)
