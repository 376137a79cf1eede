"""Pictures as SVG: charts and graphs."""
