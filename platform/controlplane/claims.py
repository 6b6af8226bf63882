"""The folders that the controller manager makes for claims, in one place of the machine for all."""

from contextlib import suppress
from pathlib import Path

from controlplane.client import Client

PLACE = Path("/tmp/hostpath_pv")  # noqa: S108 stands so in its source, and no flag moves it
PATIENCE = 3.0  # seconds: it is asked in the middle of ending


def remove_folders(client: Client) -> None:
    """Those of the volumes that `client` knows. Simulated nodes write nothing: what is not empty stays.

    Raises httpx.HTTPError where it does not answer.
    """
    for volume in client.get("/api/v1/persistentvolumes", PATIENCE)["items"]:
        folder = Path(volume["spec"].get("hostPath", {}).get("path", ""))
        if folder.parent == PLACE:
            with suppress(OSError):
                folder.rmdir()
    with suppress(OSError):  # others run on, or nobody ever asked
        PLACE.rmdir()
