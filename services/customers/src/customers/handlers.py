"""Every event that the service listens to: none yet."""

from shared.messaging.handlers import HandlerTable

HANDLERS: HandlerTable = {}
