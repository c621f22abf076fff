"""The rules of HTTP that every service keeps."""

from shared.testing.conformance import ConformanceSuite


class TestConformance(ConformanceSuite):
    public = frozenset({"jwks_get"})
