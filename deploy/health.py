"""Asks the service in this container whether it is ready; exits with 1 if it is not.

With TLS or on another port, set CHECKREADER_HEALTH to the address that the container itself can reach.
"""

from __future__ import annotations

import os
import ssl
import sys
import urllib.request

from serving.cli.renamed import check_variables
from serving.errors import CheckreaderError

try:
    check_variables(os.environ)
except CheckreaderError as error:
    sys.exit(str(error))
url = os.environ.get("CHECKREADER_HEALTH", "http://127.0.0.1:8000/v2/health/ready")
context = ssl.create_default_context()
context.check_hostname = False  # a certificate is not made out for the loopback address
context.verify_mode = ssl.CERT_NONE
# No proxy stands between the service and itself.
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
)
try:
    opener.open(url, timeout=2).close()
except OSError as error:
    sys.exit(f"{url}: {error}")
