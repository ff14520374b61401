"""Files of an S3 server (moto)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from remote_contract import ByLine, RemoteContract
from remote_files import Served, s3_client
from remote_servers import Line

from resonaut.errors import MissingFileError, UnreachableError
from resonaut.ingest import sources
from resonaut.ingest.remote import RemoteSettings


class TestS3(RemoteContract):
    """s3://"""

    @pytest.fixture
    def served(self, s3: Served) -> Served:
        return s3

    @pytest.fixture
    def by_line(self, s3: Served, monkeypatch: pytest.MonkeyPatch) -> ByLine:
        def by(line: Line) -> str:
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{line.port}")
            return s3.url

        return by

    @pytest.fixture
    def put(self, s3_endpoint: str) -> Callable[[str, bytes], None]:
        return lambda name, content: s3_client(s3_endpoint).put_object(
            Bucket="events", Key=name, Body=content
        )

    def test_patterns(self, served: Served) -> None:
        deep = f"{served.url}/deep"
        assert sources.expand([f"{deep}/*.root"]) == [f"{deep}/a.root", f"{deep}/b.root"]
        assert sources.expand([f"{deep}/**/*.root"]) == [f"{deep}/{n}.root" for n in ("a", "b", "er/c")]
        with pytest.raises(MissingFileError, match=r"deep/\*\.h5: no file matches"):
            sources.expand([f"{deep}/*.h5"])

    def test_missing_bucket(self, served: Served) -> None:
        with pytest.raises(MissingFileError, match=r"s3://nowhere/a\.root: no such file on the server"):
            sources.size("s3://nowhere/a.root")

    def test_credentials_are_asked_for(
        self, served: Served, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = s3_client(s3_endpoint)
        client.put_object(Bucket="events", Key="public.root", Body=b"root", ACL="public-read")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        # Another time-out, so that no connection made with credentials is taken up again.
        with pytest.raises(UnreachableError, match=r"denies access.*AWS_ACCESS_KEY_ID"):
            sources.size(f"{served.url}/events.root", RemoteSettings(timeout=17))
        assert sources.size(f"{served.url}/public.root", RemoteSettings(anonymous=True)) == 4
