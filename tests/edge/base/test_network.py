"""Addresses as they may be shown, and credentials in them."""

import pytest

from edge.base.credentials import refuse_credentials
from edge.base.errors import UserError
from edge.base.network import public


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        pytest.param("rtsp://10.0.0.1/live", "rtsp://10.0.0.1/live", id="as it is"),
        pytest.param("rtsp://me:secret@10.0.0.1:554/live", "rtsp://10.0.0.1:554/live", id="no credentials"),
        pytest.param("http://10.0.0.1/cam?key=secret#secret", "http://10.0.0.1/cam", id="no keys"),
        pytest.param("rtsp://me:a@secret@10.0.0.1/", "rtsp://10.0.0.1/", id="a sign of its own in the password"),
    ],
)
def test_public(address, shown):
    assert public(address) == shown


@pytest.mark.parametrize("credentials", ["me:secret@", "me@", ":secret@", "@"])
def test_credentials_are_refused_and_not_repeated(credentials):
    with pytest.raises(UserError, match="do not belong on a command line") as caught:
        refuse_credentials(f"mqtt://{credentials}10.0.0.1/home", "THE_USER", "THE_PASSWORD")
    assert "secret" not in str(caught.value)
    assert "THE_USER" in caught.value.remedy
    assert "THE_PASSWORD" in caught.value.remedy


@pytest.mark.parametrize(
    "address", ["mqtt://me:secret@[::1", "http://[secret]/", "http://cam:secret/", "http://cam:-1/"]
)
def test_what_is_no_address_is_refused_and_not_repeated(address):
    with pytest.raises(UserError, match="cannot be read") as caught:
        refuse_credentials(address, "THE_USER", "THE_PASSWORD")
    assert "secret" not in str(caught.value)


def test_an_address_without_credentials_passes():
    refuse_credentials("http://10.0.0.1/some@where?to=me@home", "THE_USER", "THE_PASSWORD")
