# SPDX-License-Identifier: LGPL-2.1-or-later

# Where there are no stubs of PyGObject: all that is not Par's may be anything.

from typing import Any

def require_version(namespace: str, version: str) -> None: ...
def __getattr__(name: str) -> Any: ...
