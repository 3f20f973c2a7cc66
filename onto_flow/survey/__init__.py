"""What an export holds, found out in one pass and bounded memory: collections, fields, types, sizes, likely references."""

from .take import survey_of as survey_of
