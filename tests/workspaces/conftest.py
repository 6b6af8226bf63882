"""A product and a browser as the journeys have them, but of its own: real tools need a whole node."""

from tests.journeys.conftest import (  # noqa: F401
    api,
    browser,
    page,
    password,
    product,
    pytest_runtest_makereport,
    session,
    signed_in,
)
