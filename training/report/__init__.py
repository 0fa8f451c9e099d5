"""The report of a bundle: one page that opens without a server, and the same figures as JSON.

Everything on the page is in the JSON: `page.page_of` makes the one of the other, and knows nothing else.
"""
