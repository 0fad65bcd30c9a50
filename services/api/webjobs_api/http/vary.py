"""The header that names what of a request an answer depends on."""

from aiohttp import web


def add_vary(response: web.StreamResponse, name: str) -> None:
    """Add the name of a header, unless the answer has it already."""
    names = [each.strip() for each in response.headers.get("Vary", "").split(",") if each.strip()]
    if "*" not in names and name.lower() not in (each.lower() for each in names):
        response.headers["Vary"] = ", ".join([*names, name])
