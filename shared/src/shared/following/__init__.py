"""How services follow what customers decides of a customer: links, erasures and requests for his data."""
