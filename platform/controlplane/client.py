"""The administrator's requests to the API server: enough HTTP to set a control plane up and look at it."""

import json
import ssl
from pathlib import Path
from typing import Any

import httpx

SECONDS = 30.0
_MANAGER = {"fieldManager": "runyard-kit", "force": "true"}


class Client:
    """Raises httpx.HTTPError for what is not answered, or not with success."""

    def __init__(self, url: str, authority: Path, token: str) -> None:
        trust = ssl.create_default_context(cafile=str(authority))
        headers = {"Authorization": f"Bearer {token}"}
        # It is on this machine: no proxy of the environment is on the way.
        self._http = httpx.Client(
            base_url=url, verify=trust, headers=headers, timeout=SECONDS, trust_env=False
        )

    @classmethod
    def of(cls, kubeconfig: Path) -> "Client":
        """As the user of a file that `kubeconfig` wrote."""
        config = json.loads(kubeconfig.read_text())
        [cluster], [user] = config["clusters"], config["users"]
        authority = Path(cluster["cluster"]["certificate-authority"])
        return cls(cluster["cluster"]["server"], authority, user["user"]["token"])

    def close(self) -> None:
        self._http.close()

    def is_ready(self) -> bool:
        """Whether the server says that it is. Never raises."""
        try:
            return self._http.get("/readyz", timeout=3).status_code == 200
        except httpx.HTTPError:
            return False

    def get(self, path: str, patience: float = SECONDS, **query: str) -> Any:
        """The object at `path`; a server that is silent for `patience` seconds has not answered."""
        return self._read(path, query, patience).json()

    def text(self, path: str, **query: str) -> str:
        return self._read(path, query).text

    def _read(self, path: str, query: dict[str, str], patience: float = SECONDS) -> httpx.Response:
        return self._checked(self._http.get(path, params=query, timeout=patience))

    def apply(self, path: str, manifest: str, subresource: str = "") -> None:
        """Have the object at `path` be as `manifest` (YAML or JSON) says, by server-side apply."""
        where = f"{path}/{subresource}" if subresource else path
        kind = {"Content-Type": "application/apply-patch+yaml"}
        self._checked(self._http.patch(where, content=manifest, params=_MANAGER, headers=kind))

    def merge(self, path: str, changes: dict[str, Any]) -> None:
        """Change what `changes` says of the object at `path`, and nothing else."""
        kind = {"Content-Type": "application/merge-patch+json"}
        self._checked(self._http.patch(path, content=json.dumps(changes), headers=kind))

    def delete(self, path: str) -> None:
        self._checked(self._http.delete(path))

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_error:
            said = f"{answer.request.method} {answer.request.url.path}: {answer.text[:500]}"
            raise httpx.HTTPStatusError(said, request=answer.request, response=answer)
        return answer
