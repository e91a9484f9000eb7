"""Writes the REST reference of the site from the OpenAPI document, with an example of every operation.

The pages are made when the site is built and are not kept: what they say is what the code says.
"""
