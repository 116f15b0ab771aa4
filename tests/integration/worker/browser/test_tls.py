"""A certificate that nobody vouches for, and one that is for another name."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import TERMS, BrowserStage, request_for
from worker.render import pipeline

pytest_plugins = ("tests.kit.stages.browser_fixtures",)


async def never(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """No request gets this far: the browser must end the handshake."""
    writer.close()


@pytest.mark.parametrize("name", ["127.0.0.1", "another.example"])
async def test_a_certificate_that_does_not_hold_is_a_tls_error(shared: BrowserStage, name: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert(name).configure_cert(context)
    server = await asyncio.start_server(never, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(RenderError) as caught:
            await shared.render(url=f"https://127.0.0.1:{port}/")
    finally:
        server.close()
    assert caught.value.type is ErrorType.TLS_ERROR
    assert "net::ERR_CERT" in caught.value.detail


async def test_a_certificate_that_names_a_blocked_address_is_a_tls_error(
    shared: BrowserStage, tmp_path: Path
) -> None:
    """Chromium asks there for the certificate that is missing (RFC 5280, 4.2.2.1), and is refused."""
    pem = tmp_path / "leaf.pem"
    pem.write_bytes(leaf_of_an_unknown_issuer("http://10.0.0.1/issuer.crt"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    server = await asyncio.start_server(never, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        async with shared.pool.page() as page:
            with pytest.raises(RenderError) as caught:
                await pipeline.render(page, request_for(url=url), shared.output, TERMS, max_bytes=1)
            assert page.port.record.blocked, "Chromium did not ask"
    finally:
        server.close()
    assert caught.value.type is ErrorType.TLS_ERROR


def leaf_of_an_unknown_issuer(issuer_url: str) -> bytes:
    """A certificate for 127.0.0.1 and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    access = x509.AccessDescription(
        AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(issuer_url)
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "leaf")]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "unknown issuer")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


async def test_plain_text_where_tls_was_expected_is_a_tls_error(shared: BrowserStage) -> None:
    url = shared.site.url("/tiny").replace("http://", "https://")
    with pytest.raises(RenderError) as caught:
        await shared.render(url=url)
    assert caught.value.type is ErrorType.TLS_ERROR
