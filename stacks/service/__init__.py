"""The stateless stack: API, functions, alarms, dashboard."""
