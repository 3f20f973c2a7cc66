"""What bytes mean, apart from who carries them: exports, REST typed values, change events."""
