#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Waits for an Azure blob service, makes a container when it is missing, and
proves with one small blob that it can be written and read.

  ensure_container.py ENDPOINT ACCOUNT KEY CONTAINER
"""

import base64
import email.utils
import hashlib
import hmac
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

PROBE = ".m2m-probe"


def main():
    endpoint, account, key, container = sys.argv[1:5]
    end = time.time() + 60

    def call(method, path, query="", body=b"", **headers):
        return send(endpoint, account, key, method, path, query, body, headers)

    while True:
        try:
            return prove(call, container)
        except urllib.error.HTTPError as error:
            sys.exit(f"error: {error.code} {error.read().decode(errors='replace')}")
        except OSError as error:
            if time.time() > end:
                sys.exit(f"error: {error}")
            time.sleep(0.1)


def prove(call, container):
    try:
        call("PUT", container, "restype=container")
    except urllib.error.HTTPError as error:
        if error.code != 409:
            raise
    blob = f"{container}/{PROBE}"
    call("PUT", blob, body=b"x", **{"x-ms-blob-type": "BlockBlob"})
    if call("GET", blob) != b"x":
        sys.exit(f"error: container {container} does not give back what was written")
    call("DELETE", blob)


def send(endpoint, account, key, method, path, query, body, headers):
    """One request signed with the account's key ("Shared Key")."""
    headers = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": "2021-12-02", **headers}
    length = str(len(body)) if body else ""
    kind = "application/octet-stream" if body else ""
    url = f"{endpoint}/{path}"
    resource = f"/{account}{urllib.parse.urlsplit(url).path}"
    parameters = "".join(f"\n{name}:{value}" for name, value in sorted(urllib.parse.parse_qsl(query)))
    own = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    text = f"{method}\n\n\n{length}\n\n{kind}\n\n\n\n\n\n\n{own}{resource}{parameters}"
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {account}:{base64.b64encode(digest).decode()}"
    if body:
        headers["Content-Type"] = kind
    elif method == "PUT":
        headers["Content-Length"] = "0"
    url += f"?{query}" if query else ""
    request = urllib.request.Request(url, data=body or None, headers=headers, method=method)
    # A proxy of the environment is not asked for a server on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=5) as answer:
        return answer.read()


if __name__ == "__main__":
    main()
