"""Owns recordings and their transcriptions: from Telnyx's links into the bucket, and the bucket against the journal.

Imported by the recording archiver's function and by the read side (`hookline.call_report`, the CLI), module by module:
`hookline.recordings.archiver` is the one door for writing. No webhook imports it, so no webhook's cold start loads it.
"""
