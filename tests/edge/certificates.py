"""Certificates for servers of tests."""

import shutil
import subprocess
from pathlib import Path

import pytest

from .patience import LONG


def self_signed(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """Files of a certificate of `name` and 127.0.0.1 that has signed itself, and of its key."""
    if not (program := shutil.which("openssl")):
        pytest.skip("openssl is not installed here")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    request = [program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-days", "1", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"]
    files = ["-out", certificate, "-keyout", key]
    subprocess.run([*request, *names, *files], check=True, capture_output=True, timeout=LONG)
    return certificate, key
