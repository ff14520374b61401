"""Bytes of remote files (root://, https://, s3://), each request with a time-out and tried again.

All go through fsspec. Credentials come from the environment, as each protocol's own tools take them: root://
from X509_USER_PROXY or a Kerberos ticket, s3:// from AWS_* and ~/.aws (AWS_ENDPOINT_URL for a server that is
not Amazon's), https:// from ~/.netrc (and SSL_CERT_FILE for a certificate authority of one's own).
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from pydantic import Field

from resonaut.errors import (
    InputError,
    MissingFileError,
    ResonautError,
    UnreachableError,
    nearest,
)
from resonaut.settings import Count, Settings

T = TypeVar("T")

log = logging.getLogger(__name__)

PROTOCOLS = ("root", "https", "http", "s3")
CREDENTIALS = {
    "root": "X509_USER_PROXY (a proxy of `voms-proxy-init`) or a Kerberos ticket",
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL, or 'anonymous' for a public bucket",
    "https": "~/.netrc",
}
_FIRST_PAUSE = 0.5
_NOT_FOUND = ("[3011]", "no such file")
_DENIED = (
    "[3010]",
    "[3030]",
    "auth failed",
    "not authorized",
    "permission denied",
    "forbidden",
    "credentials",
)
_CERTIFICATE = "certificate verify failed"
# Of the refusals (4xx) those that mean: later.
_LATER = (408, 425, 429)


class RemoteSettings(Settings):
    """How remote files are asked for."""

    timeout: float = Field(60.0, gt=0, le=86_400, description="Longest time that one request may take, s.")
    retries: Count = Field(3, ge=1, description="Tries of each request before the file is given up.")
    block_bytes: Count = Field(
        2**20, ge=4096, description="Bytes fetched at a time of HDF5, Parquet and NumPy files."
    )
    anonymous: bool = Field(False, description="Ask s3:// without credentials, for public buckets.")


DEFAULTS = RemoteSettings()


def protocol_of(path: str) -> str:
    """The protocol of a URL, 'https' standing for http too.

    Raises:
        InputError: it is none that can be read.
    """
    name = path.split("://", 1)[0].lower()
    if name not in PROTOCOLS:
        raise InputError(f"{path}: the protocol '{name}://' cannot be read. {nearest(name, PROTOCOLS)}")
    return "https" if name == "http" else name


def filesystem(path: str, remote: RemoteSettings) -> Any:
    """The fsspec filesystem of a URL, with time-outs of its own so that nothing lingers after ours.

    Raises:
        InputError: no such protocol, or its package is absent.
        UnreachableError: the host's name cannot be used.
    """
    import fsspec

    protocol = protocol_of(path)
    try:
        if protocol == "root":
            options = _xrootd_options(path, remote)
        elif protocol == "s3":
            options = _s3_options(remote)
        else:
            options = _https_options(remote)
        return fsspec.filesystem(protocol, **options)
    except ImportError as error:
        package = {"root": "fsspec-xrootd", "s3": "s3fs", "https": "aiohttp"}[protocol]
        raise InputError(
            f"{path}: reading {protocol}:// needs the package {package} ({error}). Install it, or copy the "
            "file to this machine."
        ) from None
    except ValueError as error:
        raise UnreachableError(f"{path}: not a usable address ({error}).") from None


def _xrootd_options(path: str, remote: RemoteSettings) -> dict[str, Any]:
    import fsspec_xrootd
    from XRootD import client

    seconds = math.ceil(remote.timeout)
    # Where the shell sets XRD_REQUESTTIMEOUT and so on, those stay. The client looks for expired requests
    # every 15 s, and refuses a host for half an hour after one failure, unless told otherwise.
    for name in ("RequestTimeout", "ConnectionWindow", "StreamTimeout"):
        client.EnvPutInt(name, seconds)
    for name, value in (("TimeoutResolution", 1), ("ConnectionRetry", 1), ("StreamErrorWindow", 0)):
        client.EnvPutInt(name, value)
    url = fsspec_xrootd.XRootDFileSystem._get_kwargs_from_urls(path)
    return {**url, "timeout": seconds, "use_listings_cache": False}


def _s3_options(remote: RemoteSettings) -> dict[str, Any]:
    config = {
        "connect_timeout": remote.timeout,
        "read_timeout": remote.timeout,
        "retries": {"max_attempts": 0},
    }
    return {
        "anon": remote.anonymous,
        "config_kwargs": config,
        "endpoint_url": os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"),
        "use_listings_cache": False,
    }


def _https_options(remote: RemoteSettings) -> dict[str, Any]:
    import aiohttp

    limits = aiohttp.ClientTimeout(total=remote.timeout)
    # A compressed answer would make ranges of bytes meaningless.
    return {
        "client_kwargs": {"timeout": limits, "trust_env": True},
        "headers": {"Accept-Encoding": "identity"},
    }


def run(coroutine: Any) -> Any:
    """Wait for a coroutine on fsspec's own loop."""
    return submit(coroutine).result()


def submit(coroutine: Any) -> Future:
    """Start a coroutine on fsspec's own loop."""
    import fsspec.asyn

    return asyncio.run_coroutine_threadsafe(coroutine, fsspec.asyn.get_loop())


async def tried(
    path: str,
    remote: RemoteSettings,
    request: Callable[[], Awaitable[T]],
    between: Callable[[], Awaitable[None]] | None = None,
) -> T:
    """Await a request; after a time-out or a failed connection try again, with pauses of 0.5, 1, 2 ... s.

    Args:
        path: for messages.
        request: makes the awaitable, anew for each try.
        between: done after each try that failed.

    Raises:
        MissingFileError: the server says that there is no such file.
        UnreachableError: it denies access, or no try was answered.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return await asyncio.wait_for(request(), remote.timeout)
        except ResonautError:
            raise
        except Exception as error:
            if between is not None:
                await between()
            reason = _reason(error)
            _raise_permanent(path, error, reason)
            if attempt == remote.retries:
                times = "once" if attempt == 1 else f"{attempt} times"
                raise UnreachableError(
                    f"{path}: the server does not answer ({reason}; tried {times}, each for at most "
                    f"{remote.timeout:g} s). See that the URL is right and the server is up, or raise "
                    "'remote.timeout' or 'remote.retries'."
                ) from error
            log.warning("%s: %s; trying again (%d of %d)", path, reason, attempt + 1, remote.retries)
        await asyncio.sleep(min(_FIRST_PAUSE * 2 ** (attempt - 1), remote.timeout))


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return " ".join(str(error).split())[:200] or type(error).__name__


def _raise_permanent(path: str, error: Exception, reason: str) -> None:
    """Raise what trying again cannot mend."""
    protocol = protocol_of(path)
    status = getattr(error, "status", None)
    text = f"{type(error).__name__} {reason}".lower()
    if isinstance(error, FileNotFoundError) or status == 404 or any(word in text for word in _NOT_FOUND):
        raise MissingFileError(f"{path}: no such file on the server.") from None
    if isinstance(error, PermissionError) or status in (401, 403) or any(word in text for word in _DENIED):
        raise UnreachableError(
            f"{path}: the server denies access ({reason}). Credentials are taken from the environment: "
            f"{CREDENTIALS[protocol]}."
        ) from None
    if _CERTIFICATE in text:
        raise UnreachableError(
            f"{path}: the server's certificate is not trusted ({reason}). Name its certificate authority in "
            "SSL_CERT_FILE."
        ) from None
    if isinstance(status, int) and 400 <= status < 500 and status not in _LATER:
        raise UnreachableError(f"{path}: the server refuses ({reason}). See that the URL is right.") from None
