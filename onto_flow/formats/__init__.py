"""What bytes mean, apart from who carries them: exports, REST typed values, change events."""

from .cloudevents_writer import encode_change as encode_change
from .events import decode as decode
