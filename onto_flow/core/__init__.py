"""Words everyone shares: values, paths, keys, changes, types, errors.

Code in this folder imports the standard library and nothing of ours outside the folder.
"""
