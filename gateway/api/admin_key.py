"""The admin's key, made at the first start: there is no default password."""

import os
import re
from pathlib import Path

import structlog

from gateway.api.config import key_file
from gateway.api.context import Context
from gateway.api.routes.keys import live
from gateway.domain.duration import SECOND
from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreError
from gateway.domain.workorder import Role

_ADMIN_NAME = re.compile(r"admin(-\d+)?")
log = structlog.get_logger()


def ensure_admin(context: Context) -> Path | None:
    """Path of the file with a new key, or None if there is a live admin already. Blocking; runs in the desk's thread.

    The file is created, empty, before the key. An empty file at the next start remains from a crash in between: nobody
    has read that key, so it is revoked. Raises StoreError when the file cannot be written.
    """
    path, now = key_file(context.settings.data_dir, context.settings.tenant), context.clock.now()
    keys = context.sql.keys.all()
    admins = [key for key in keys if key.role is Role.ADMIN and not key.sites and live(key, now)]
    unread = path.exists() and path.stat().st_size == 0
    if admins and not unread:
        return None
    try:
        if path.exists() and not unread:
            path.replace(path.with_suffix(f".key.{now // SECOND}"))  # perhaps another's: nobody's key is overwritten
        path.unlink(missing_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise StoreError.of("api.admin_key", path=path, error=reason(error)) from error
    try:
        names = {key.name for key in keys}
        for key in admins:
            if unread and _ADMIN_NAME.fullmatch(key.name) and key.used_at is None:
                context.sql.keys.revoke(key.name, now)
        name = next(n for n in ("admin", *(f"admin-{i}" for i in range(2, len(names) + 3))) if n not in names)
        secret, _ = context.sql.keys.create(name, Role.ADMIN, now)
        os.write(file, f"{secret}\n".encode())
        os.fsync(file)
    except OSError as error:
        raise StoreError.of("api.admin_key", path=path, error=reason(error)) from error
    finally:
        os.close(file)
    log.info("admin key written", path=str(path))
    return path
