"""The server: routes, services, storage, search engines and analysis, composed in `app.main`."""
