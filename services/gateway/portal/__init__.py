"""The portal: pages for people, over the same flows as the JSON API. They work without scripts."""
