"""What docker-compose.yml needs beside images: secrets, a readiness check, the mailbox's lock."""
