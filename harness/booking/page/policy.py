"""What a browser may do on the page: its own files and API, Calendly in a frame, nothing else."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["headers", "origin_of"]


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of `url`: what a browser calls its origin, and what a message must come from (F04)."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def headers(calendly_origin: str) -> dict[str, str]:
    """The headers of the document. No inline script or style, no markup from text, no frame around the page."""
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "frame-src": calendly_origin,
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cache-Control": "no-store",
    }
