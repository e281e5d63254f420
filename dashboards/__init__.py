"""The pages of ops, security, privacy and page owners, over the same reports and commands as the terminal.

The way of a request: `app` checks the host, finds the session and the route, and asks `access` whether this person may; a page of `pages/`
asks ClickHouse as the user of the person's role and fills a template; `charts` turns numbers into shapes, `words` has every text.
"""
