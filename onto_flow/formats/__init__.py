"""What bytes mean, apart from who carries them: exports, REST typed values, change events."""

from .cloudevents import decode as decode
from .cloudevents import encode_change as encode_change
