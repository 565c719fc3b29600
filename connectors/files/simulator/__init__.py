"""Stand-ins of the places files lie at: an object store in the S3 protocol and an SFTP server."""
