"""One HTTP request exactly as it stood on the wire, and what a test wants to know of it."""

import json
from dataclasses import dataclass, field


@dataclass
class Received:
    method: str
    target: str
    headers: list  # (name as sent, value), in order
    body: bytes
    version: str = "HTTP/1.1"
    refusal: object = None  # why it was refused, None where it was accepted
    notes: dict = field(default_factory=dict)

    def header(self, name):
        """The value of `name`, None where absent; several lines are joined as HTTP joins them."""
        values = self.all(name)
        return ", ".join(values) if values else None

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def names(self):
        return {key.lower() for key, _ in self.headers}

    @property
    def message(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def what(self):
        """`POST tools/call`, `POST (response)`, `GET`, `DELETE`: one word pair to assert on."""
        message = self.message
        if self.method != "POST" or not isinstance(message, dict):
            return self.method
        return f"POST {message.get('method', '(response)')}"
