"""The dashboard: static pages that use only the public REST API, like any other client.

Why native ES modules and our own small charts (measured on 5,000 and 100,000 trials): a chart library with parallel
coordinates is 4.8 MB and took 5 s to draw what 60 lines of canvas draw in 16 ms; a bundler would make a fresh clone
need Node; server-side UI state stands against several server processes. The price: axes, hover and brushing are ours
to keep, some fifty small modules under `static/`. The roads not taken: plotly, NiceGUI, a TypeScript build, htmx.

`assets.py` is the door for the API: every file in memory, with the headers it must be served with. Nothing here is
rendered per request and nothing here knows a study.
"""
