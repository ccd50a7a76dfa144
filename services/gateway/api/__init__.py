"""The JSON API, version 1, as `/api/v1/openapi.json` describes it."""
