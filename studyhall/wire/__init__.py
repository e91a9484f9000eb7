"""Sentences that exist only in conversation: requests and their answers.

pages    what answers have in common: pages of lists, and problems
studies  what people ask of studies, trials and spaces
claims   what workers and the server say about the trials that they hold
outputs  logs and artifacts
results  what is read of studies: events, summaries, columns for charts
fleet    workers and their machines
server   keys, the audit log, the server itself
"""
